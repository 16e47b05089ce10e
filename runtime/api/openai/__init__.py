"""OpenAI's dialect, with the fields that llama.cpp adds to it."""
