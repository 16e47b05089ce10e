"""Tool calls and reasoning out of an answer's text, while it streams: one small module per family of models."""
