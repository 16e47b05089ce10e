"""`python -m bundler.demo train|evaluate`: the whole recipe, and the proof of it."""

import argparse
from dataclasses import replace
from pathlib import Path

from bundler.demo.progress import report


def _train(arguments: argparse.Namespace) -> None:
    from bundler.demo import convert, train
    from bundler.demo.model import ModelConfig

    recipe = train.Recipe()
    if arguments.tokens:
        recipe = replace(recipe, tokens=arguments.tokens)
    train.run(recipe, ModelConfig(), arguments.work)
    model, vocabulary = train.load(arguments.work)
    for kind in convert.KINDS:
        path = convert.write(model, vocabulary, arguments.work / f"pannier-demo-{kind}.gguf", kind)
        report(f"{path} {path.stat().st_size:,} bytes")


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m bundler.demo", description=__doc__)
    commands = parser.add_subparsers(required=True)
    command = commands.add_parser("train", help="make the model again, from nothing")
    command.add_argument("--work", type=Path, default=Path("build/demo"), help="where the results go")
    command.add_argument("--tokens", type=int, help="train on this many tokens (default: the recipe's)")
    command.set_defaults(run=_train)
    arguments = parser.parse_args()
    arguments.run(arguments)


if __name__ == "__main__":
    main()
