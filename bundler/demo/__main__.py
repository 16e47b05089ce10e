"""The demo model's recipe and its proof.

python -m bundler.demo train                     make the model again, from nothing
python -m bundler.demo install FILE              put a result in the place of the committed one
python -m bundler.demo evaluate --engine FOLDER  held-out questions through llama.cpp, as a table
"""

import argparse
import hashlib
import os
import shutil
import sys
from pathlib import Path

from bundler.demo import DIGEST_PATH, MODEL_PATH
from bundler.demo.progress import report


def _train(arguments: argparse.Namespace) -> None:
    from bundler.demo import convert, train
    from bundler.demo.model import ModelConfig

    recipe = train.REFINEMENT if arguments.start else train.ON_GPU if arguments.gpu else train.Recipe()
    if arguments.shorter != 1:
        recipe = recipe.shortened(arguments.shorter)
    train.run(recipe, ModelConfig(), arguments.work, arguments.start, gpu=arguments.gpu)
    model, vocabulary = train.load(arguments.work)
    for kind in convert.KINDS:
        path = convert.write(model, vocabulary, arguments.work / f"pannier-demo-{kind}.gguf", kind)
        report(f"{path} {path.stat().st_size:,} bytes")


def _install(arguments: argparse.Namespace) -> None:
    shutil.copyfile(arguments.file, MODEL_PATH)
    digest = hashlib.sha256(MODEL_PATH.read_bytes()).hexdigest()
    DIGEST_PATH.write_text(f"{digest}  {MODEL_PATH.name}\n", encoding="ascii")
    report(f"{MODEL_PATH.name} {digest}")


def _evaluate(arguments: argparse.Namespace) -> None:
    from bundler.demo import evaluate

    results, failed = evaluate.evaluate(arguments.engine, arguments.models, arguments.count)
    sys.stdout.write(evaluate.table(results) + "\n")
    if arguments.failures:
        for outcome in failed:
            expected = outcome.case.expected
            report(f"[{outcome.case.ability}] {expected.user!r}")
            report(f"    got {outcome.output!r}\n    not {expected.answer!r}")


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m bundler.demo",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    train = commands.add_parser("train", help="make the model again, from nothing")
    train.add_argument("--work", type=Path, default=Path("build/demo"), help="where the results go")
    train.add_argument("--from", dest="start", type=Path, metavar="GGUF", help="go on from this model of ours instead")
    train.add_argument("--gpu", action="store_true", help="on an NVIDIA GPU: more text, in a tenth of the time")
    train.add_argument("--shorter", type=int, default=1, help="make it this many times faster, and worse")
    train.set_defaults(run=_train)
    install = commands.add_parser("install", help="put a result in the place of the committed file")
    install.add_argument("file", type=Path)
    install.set_defaults(run=_install)
    evaluate = commands.add_parser("evaluate", help="ask held-out questions through llama.cpp")
    evaluate.add_argument("models", type=Path, nargs="*", default=[MODEL_PATH], help="GGUF files to compare")
    folder = os.environ.get("PANNIER_TEST_ENGINE")
    evaluate.add_argument(
        "--engine", type=Path, default=folder, required=folder is None, help="folder of a compiled llama.cpp"
    )
    evaluate.add_argument("--count", type=int, default=50, help="questions per ability")
    evaluate.add_argument("--failures", action="store_true", help="show what went wrong")
    evaluate.set_defaults(run=_evaluate)
    arguments = parser.parse_args()
    arguments.run(arguments)


if __name__ == "__main__":
    main()
