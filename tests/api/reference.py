# ruff: noqa: E501 - prose
"""Writes docs/api.md from the code: `python -m tests.api.reference`. A test keeps both equal."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from runtime.api import fields, limits, llamacpp, ranking, streams
from runtime.api.anthropic import schema as anthropic
from runtime.api.dialects import DIALECTS
from runtime.api.ollama import schema as ollama
from runtime.api.openai import completions, responses_schema, schema

FILE = Path(__file__).parents[2] / "docs" / "api.md"

TABLES = (
    fields.REFUSED,
    ranking._ONLY,
    schema._ONLY,
    completions._ONLY,
    responses_schema._ONLY,
    anthropic._ONLY,
    ollama._ONLY,
)

HEAD = f"""\
# The API

One server, four dialects: OpenAI's, llama-server's, Anthropic's and Ollama's. Whatever name a request gives, the one
model in the file answers and tells its own name. Every field is in a table below: it is honoured, or refused with
status 400 and the reason, or accepted because it has no meaning for a model on one's own computer. A field that is in
no table is refused by name.

The tables are written from the code by `python -m tests.api.reference`; a test keeps them true. `GET /openapi.json` says
the same to programs, with the shapes of the answers, and `GET /docs` is a page about it that loads nothing.

## What all of them share

- **Errors** have each dialect's own shape, at the door, in an answer and in the middle of a stream: 400 names the field
  at fault, 401 and 403 are the door's, 404 and 405 the router's, 408 is a request that does not come in time, 413 is a body over 16 MiB,
  429 and 503 carry
  `Retry-After`. There is no 422.
- **The door**: API keys come as `Authorization: Bearer` or `X-Api-Key` (`--api-key`, `--api-key-file`). On loopback
  only Host headers that name this computer are answered (`--allow-host` adds one), and pages from elsewhere are refused
  (`--allow-origin` lets one in).
- **Limits**: {limits.MAX_MESSAGES} messages, {limits.MAX_ANSWERS} answers to a request, {limits.MAX_TOOLS} tools,
  {limits.MAX_STOPS} stop strings of {limits.MAX_STOP_LENGTH} characters, a grammar of {limits.MAX_GRAMMAR} characters, a
  schema of {limits.MAX_SCHEMA} characters and {limits.MAX_SCHEMA_DEPTH} levels.
- **A client that leaves** is noticed at once and its request cancelled, unless its stream is resumable.
- **Resumable streams**: a request with the header `X-Stream-Resumable: true` gets `X-Stream-Id` and `X-Stream-Secret`
  with its stream of events. `GET /v1/streams/{{id}}` with that secret in `X-Stream-Secret` goes on behind the event named
  in `Last-Event-ID`, until {streams.KEPT_SECONDS:.0f} seconds after the last one left. (Ollama's lines have no ids.)
- **Progress**: a streaming request to `/v1/chat/completions` with the header `X-Stream-Progress: true` gets its stream
  at once, with `prompt_progress` in its first chunks: `place` in the queue while it waits, then `total` and `processed`
  tokens of its prompt, again after every step that reads some of it. A refusal may then come in the stream.
- **Schemas** become grammars, and every answer that is not cut follows them. Members come in the schema's order;
  `oneOf` is read as `anyOf`; `format` is enforced for dates, times, UUIDs and IPv4 addresses, unless a pattern stands
  beside it; others are annotations. What a grammar cannot enforce (`not`, `uniqueItems`, `multipleOf`,
  `patternProperties`, a pattern that looks ahead, …) is refused by name. A reference to anywhere outside of the schema is
  refused: nothing is ever fetched.
- **Grammars** are looked at before they are used. One that can be read in too many ways at once (parts beside or inside
  of one another that may be nothing or take the same text, alternatives that begin alike and hold one another) is
  written anew so that there is one way, where its rules do not hold themselves in the middle, or refused: it would take
  minutes for a token, and all others would wait.
- **Tools**: calls are read out of the text by the model's family, which its template tells (Hermes and Qwen, Qwen Coder,
  Llama 3, Mistral, DeepSeek, Gemma, GLM, Phi, Granite, Command R, gpt-oss, LFM2; any other is read as Hermes's); a
  template that knows no tools is told of them in words. A call that is asked for by name, or required, is enforced by a
  grammar; one that may come is held to it from where it begins. What a grammar cannot enforce of the arguments' schemas
  is passed over. Where the answer's form is prescribed there is no room for calls, so both together are refused.
- **Reasoning** is told apart from the content, and its tokens are counted, tags included. How much of it can be asked
  for where the template has a switch. Where it has a budget (`reasoning_budget_tokens`, Anthropic's `budget_tokens`) and
  spends it, it is ended in the model's stead.
- **A prediction** of the answer is tried token by token where the model can take one back (attention over everything):
  what is as foretold is computed several tokens at a time. What is said is drawn as ever.
- **Ranking** is for models made for it (their pooling says so): scores are the model's own and have no bounds. Question
  and document are joined as the model's template `rerank` says, else with the control tokens of its vocabulary.
- **A last message of the assistant** is continued (not in `/v1/responses`).
- **Text only**: images, audio and files are refused; no address in a request is ever opened.
- **Whether the model is sound** is in the header `X-Model-Verified` of everything: `pending` while its bytes are being
  read and compared with the manifest's hash, `yes` from then on. `GET /health` tells it too (`model_verified`,
  `model_read`). A wrong hash ends open answers with the error `model_damaged`, refuses new ones and stops the server.
- Nothing here, no log included, shows one user's text to another.
"""


def reasons() -> dict[str, str]:
    found: dict[str, str] = {}
    for table in TABLES:
        for name, (_, reason) in table.items():
            found.setdefault(name, reason)
    return found


def row(name: str, field: Any, model: type[BaseModel]) -> str:
    described = field.description or ""
    if described.startswith("Not offered"):
        reason = next((table[name][1] for table in reversed(own(model)) if name in table), "")
        unless = described.removeprefix("Not offered; ").rstrip(".")
        return f"| `{name}` | {unless} | {reason} |"
    if described.startswith("Has no meaning"):
        return f"| `{name}` | no meaning here | accepted and without effect |"
    return f"| `{name}` | honoured | {described} |"


def own(model: type[BaseModel]) -> list[dict[str, Any]]:
    """The tables that may speak of this model's fields, its own last."""
    by_module = {
        schema.__name__: schema._ONLY,
        completions.__name__: completions._ONLY,
        responses_schema.__name__: responses_schema._ONLY,
        anthropic.__name__: anthropic._ONLY,
        ollama.__name__: ollama._ONLY,
        ranking.__name__: ranking._ONLY,
        llamacpp.__name__: llamacpp._EMBEDDING_ONLY,
    }
    return [fields.REFUSED, by_module.get(model.__module__, {})]


def table(model: type[BaseModel]) -> list[str]:
    inherited: dict[str, Any] = {}
    if issubclass(model, fields.SamplingFields) and model is not fields.SamplingFields:
        inherited = fields.SamplingFields.model_fields
    rows = [
        row(name, field, model)
        for name, field in model.model_fields.items()
        if name not in inherited or inherited[name].description != field.description
    ]
    more = ["| sampling | | every field of [Sampling](#sampling) |"] if inherited else []
    return ["| field | | |", "|---|---|---|", *rows, *more]


def render() -> str:
    lines = [HEAD, "## Sampling", "", "Part of every request that makes text; Ollama has them in `options`.", ""]
    lines += table(fields.SamplingFields)
    titles = {"openai": "OpenAI", "llama.cpp": "llama-server", "anthropic": "Anthropic", "ollama": "Ollama"}
    for name, title in titles.items():
        lines += ["", f"## {title}"]
        for dialect in (one for one in DIALECTS if one.name == name):
            module = dialect.load()
            functions = list(dict.fromkeys(dialect.routes.values()))
            for function in functions:
                addresses = [address for address, to in dialect.routes.items() if to == function]
                told = (inspect.getdoc(getattr(module, function)) or "").split("\n")[0]
                joined = ", ".join(f"`{address.replace(':path', '')}`" for address in addresses)
                lines += ["", f"### {joined}", "", told]
                if body := module.BODIES.get(function):
                    lines += ["", *table(body)]
    lines += ["", "### Ollama's `options`", "", *table(ollama.Options)]
    return "\n".join(line.rstrip() for line in lines) + "\n"


if __name__ == "__main__":
    FILE.write_text(render(), encoding="utf-8")
