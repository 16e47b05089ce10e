"""From messages to a prompt: chat templates, and later the parsers of what a model answers."""
