"""Builds the chat page: TypeScript in `webui/` becomes the plain files a dist serves."""
