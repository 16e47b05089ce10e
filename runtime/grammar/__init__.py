"""Grammars in llama.cpp's GBNF, written from JSON Schemas: what an answer's form may be is decided here, by us."""
