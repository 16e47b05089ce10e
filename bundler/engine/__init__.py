"""Compiles the engine: llama.cpp's shared libraries for this machine's target, from the pinned source archive."""
