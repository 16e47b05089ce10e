"""What decodes: the nouns of a request, the worker that owns llama.cpp, and the client the server talks to."""
