"""The process that holds the model: llama.cpp may abort here without taking the server with it."""
