"""The `pannier` command: one module per verb. Each has `add_parser(verbs)` and a `run(args, console)`."""
