"""How a dist is to run: the defaults its spec gave it, and what the command line says instead."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from runtime.backends.fit.choose import Wishes
from runtime.backends.fit.words import FORCE
from runtime.engine.foresight import why_blind
from runtime.errors import UsageError
from runtime.manifest import DistManifest
from runtime.shape import ModelShape

if TYPE_CHECKING:
    from runtime.engine.core import SamplingParams

DEFAULT_CONTEXT = 8192
"""Tokens of context per request where neither the spec nor the command line says; bounded by the model's training."""


@dataclass(frozen=True, slots=True)
class LaunchOptions:
    """What engine to start. backend: a name that is forced, or None. context_size, threads: 0 means "you decide".

    firm_context: the context was asked for by number. ignore_memory: start whatever the memory. cache_type: "" for any.
    draft: the shape of the draft model, where one is to guess ahead. foresight: the model's own layer is to do that;
    blind: why it cannot, where it has one.
    """

    backend: str | None
    context_size: int
    parallel: int
    threads: int
    gpu_layers: int
    repack: bool
    firm_context: bool = False
    ignore_memory: bool = False
    cache_type: str = ""
    split_cache: bool = False
    prompt_lookup: bool = False
    draft: ModelShape | None = None
    foresight: bool = False
    blind: str = ""

    @classmethod
    def of(cls, manifest: DistManifest, args: argparse.Namespace) -> LaunchOptions:
        """The spec's defaults with the command line's wishes put in. Raises `UsageError` for impossible numbers."""
        serve = section(manifest, "serve")
        context = args.ctx_size if args.ctx_size is not None else int(serve.get("ctx_size", 0))
        if context < 0:
            raise UsageError(f"--ctx-size {context} is not a number of tokens.", "Give a positive number.")
        firm = context > 0
        context = context or wished_context(manifest)
        parallel = args.parallel if args.parallel is not None else int(serve.get("parallel", 1))
        if not 1 <= parallel <= 256:
            raise UsageError(f"--parallel {parallel} is not possible.", "Give a number from 1 to 256.")
        draft = manifest.draft.shape if manifest.draft and not args.no_draft else None
        layers = manifest.model.shape.layers_ahead if manifest.model.shape else 0
        guesses = layers > 0 and not manifest.draft and not args.no_draft  # the draft goes first: somebody chose it
        blind = why_blind(manifest.model.architecture, layers) if guesses else ""
        return cls(
            backend=args.backend,
            context_size=context,
            parallel=parallel,
            threads=args.threads if args.threads is not None else int(serve.get("threads", 0)),
            gpu_layers=args.gpu_layers if args.gpu_layers is not None else -1,
            repack=args.repack or bool(section(manifest, "engine").get("repack", False)),
            firm_context=firm,
            ignore_memory=args.ignore_memory,
            cache_type=args.cache_type or "",
            split_cache=args.split_cache or bool(serve.get("split_cache", False)),
            prompt_lookup=args.prompt_lookup or bool(serve.get("prompt_lookup", False)),
            draft=draft,
            foresight=guesses and not blind,
            blind=blind,
        )

    @property
    def wishes(self) -> Wishes:
        """What is to be fitted into the memory there is."""
        return Wishes(
            context_size=self.context_size,
            parallel=self.parallel,
            firm=self.firm_context,
            gpu_layers=self.gpu_layers,
            repack=self.repack,
            cache_type=self.cache_type,
            split_cache=self.split_cache,
            draft=self.draft,
            foresight=self.foresight,
            blind=self.blind,
        )


def wished_context(manifest: DistManifest) -> int:
    """Tokens of context per request where the command line says nothing."""
    trained = manifest.model.context_length
    return int(section(manifest, "serve").get("ctx_size", 0)) or min(trained or DEFAULT_CONTEXT, DEFAULT_CONTEXT)


def section(manifest: DistManifest, name: str) -> dict[str, Any]:
    """A table of the dist-spec the dist was built from; empty if it has none."""
    table = manifest.spec.get(name)
    return table if isinstance(table, dict) else {}


def sampling(manifest: DistManifest, **flags: float | None) -> SamplingParams:
    """How words are drawn: as the spec says, and the flags that were given."""
    from runtime.engine.core import SamplingParams

    given = {name: value for name, value in flags.items() if value is not None}
    return SamplingParams(**{**section(manifest, "sampling"), **given})


def add_engine_flags(parser: argparse.ArgumentParser) -> None:
    """The flags of every verb that starts the engine."""
    parser.add_argument("--ctx-size", type=int, metavar="N", help="tokens of context a request may use")
    parser.add_argument("--parallel", type=int, metavar="N", help="requests that may run at once")
    parser.add_argument("--backend", metavar="B", help="use this backend and no other, as cpu or cpu-haswell")
    parser.add_argument("--gpu-layers", type=int, metavar="N", help="layers to put on the GPU (default: all that fit)")
    parser.add_argument("--threads", type=int, metavar="N", help="compute threads (default: the machine's cores)")
    parser.add_argument(
        "--cache-type", choices=("f16", "q8_0"), help="how exactly a text is remembered (default: f16 if it fits)"
    )
    parser.add_argument(
        "--split-cache", action="store_true", help="a part of the cache for each request, instead of one for all"
    )
    parser.add_argument(
        "--prompt-lookup", action="store_true", help="guess words from the text before; faster where much is repeated"
    )
    parser.add_argument(
        "--no-draft", action="store_true", help="let neither a draft model nor the model itself guess ahead"
    )
    parser.add_argument(FORCE, action="store_true", help="start even where the memory seems too small")
    parser.add_argument(
        "--repack", action="store_true", help="let llama.cpp keep rearranged copies of the weights in memory"
    )
