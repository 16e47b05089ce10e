"""Freezes the package `runtime` with PyInstaller: into a folder for our launcher, or into a one-file program."""
