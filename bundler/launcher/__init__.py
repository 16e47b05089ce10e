"""Compiles `runtime/launcher`, the small program in front of every dist that unpacks the runtime once and starts it."""
