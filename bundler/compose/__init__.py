"""Kit + model + spec → one file. Nothing here looks at the host: with a kit for it, any target is composed anywhere."""
