"""The command line of a dist: one module per verb. Each has `add_parser(verbs, spec)` and a `run(args, console)`."""
