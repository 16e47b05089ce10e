"""The file format: where every byte of a dist lies, and how to read and verify it (docs/format.md)."""
