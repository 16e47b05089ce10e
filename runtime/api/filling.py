"""Text between a beginning and an end, for models that learnt it: `/infill`, and `suffix` of `/v1/completions`."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response

from runtime.api.door import read_body
from runtime.api.errors import invalid, unavailable
from runtime.api.fields import sampling_of
from runtime.api.native import OFFERED, NativeFields, asked_of, replied
from runtime.api.native import SHAPE as SHAPE
from runtime.api.parse import parse
from runtime.api.service import Service
from runtime.errors import EngineError

MAX_EXTRAS = 1024
_LEFT = 64  # tokens that are left for an answer without a limit


class Extra(BaseModel):
    """A text of another file. What editors say of it besides has no meaning here."""

    model_config = ConfigDict(strict=True, extra="ignore", defer_build=True)

    text: str
    filename: str | None = None


class InfillBody(NativeFields):
    """`/infill`: what to write between `input_prefix` + `prompt` and `input_suffix`."""

    input_prefix: str
    input_suffix: str
    prompt: Annotated[str | None, Field(description="What the text in between begins with.")] = None
    input_extra: Annotated[
        list[Extra] | None,
        Field(max_length=MAX_EXTRAS, description="Texts of other files; of too many the last are read."),
    ] = None


BODIES = {"infill": InfillBody}


async def infill(service: Service, request: Request) -> Response:
    """Write the text between a beginning and an end, at once or as a stream of server-sent events."""
    body = parse(InfillBody, await read_body(request, service.settings.max_body_bytes))
    sampling = await service.read(partial(sampling_of, offered=OFFERED), body)
    prompt = await between(service, body.input_prefix, body.input_suffix, "input_suffix", body.prompt or "")
    if body.input_extra:
        prompt = await _with_extras(service, prompt, body.input_extra, body.limit or _LEFT)
    return replied(service, asked_of(body, prompt, sampling), body)


async def between(service: Service, before: str, behind: str, param: str, begun: str = "") -> tuple[int, ...]:
    """The prompt for text between two others. Raises `ApiError` 400 where the model has no tokens for that."""
    marks = service.ready_facts().fill_in
    if not marks:
        raise invalid(
            f"'{param}' is refused: this model has no tokens to fill in text with.", param, "unsupported_parameter"
        )
    tokens: list[int] = await _tokens(service, "", add_special=True)
    for mark, text in zip(marks, (before, behind, begun), strict=True):
        tokens += [mark, *await _tokens(service, text)]
    return tuple(tokens)


async def _with_extras(service: Service, prompt: Sequence[int], extras: Sequence[Extra], left: int) -> tuple[int, ...]:
    """The prompt behind other files' texts, as far as there is room: written as a repository where the model knows how.

    Those that came last matter most to editors, so the first are left out.
    """
    facts = service.ready_facts()
    begin = len(await _tokens(service, "", add_special=True))
    tokens: list[int] = []
    if facts.file >= 0:
        head = [facts.repository, *await _tokens(service, "project\n")] if facts.repository >= 0 else []
        for extra in extras:
            tokens += [facts.file, *await _tokens(service, f"{extra.filename or 'file'}\n{extra.text}")]
        tail = [facts.file, *await _tokens(service, "this\n")]
    else:
        head, tail = [], []
        for extra in extras:
            tokens += await _tokens(service, f"\n\n--- snippet ---\n\n{extra.text}")
    room = facts.context_size - len(prompt) - len(head) - len(tail) - left - 1
    return (*prompt[:begin], *head, *tokens[max(0, len(tokens) - max(0, room)) :], *tail, *prompt[begin:])


async def _tokens(service: Service, text: str, *, add_special: bool = False) -> list[int]:
    try:
        return await service.engine.tokenize(text, parse_special=False, add_special=add_special)
    except EngineError as error:
        raise unavailable(error.message, "engine_unavailable") from None
