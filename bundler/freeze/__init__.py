"""Freezes the package `runtime` with PyInstaller into a bootloader stub and a PKG archive."""
