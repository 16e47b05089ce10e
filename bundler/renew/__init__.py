"""Renewing a dist: another engine, runtime or look around the same model; and telling two dists apart."""
