"""Ollama's dialect: `/api/…`, streams as JSON a line."""
