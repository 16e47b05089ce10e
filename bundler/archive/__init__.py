"""What a dist can be rebuilt from, packed along with it; and the rebuilding."""
