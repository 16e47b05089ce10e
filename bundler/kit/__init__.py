"""Kits: everything but the model for one target, as one portable, hashed file."""
