"""The model that goes in: where it comes from, what it is, and whether it can be packed."""
