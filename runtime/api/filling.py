"""Text between a beginning and an end, for models that learnt it: `/infill`, and `suffix` of `/v1/completions`."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any

from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from runtime.api.door import read_body
from runtime.api.errors import invalid, unavailable
from runtime.api.fields import only, refuse, sampling_of, shift_of
from runtime.api.limits import checked_stops
from runtime.api.native import OFFERED, NativeFields, replied
from runtime.api.native import SHAPE as SHAPE
from runtime.api.openai.schema import checked_limit
from runtime.api.parse import parse
from runtime.api.service import Service, raw_request
from runtime.errors import EngineError


class InfillBody(NativeFields):
    """`/infill`: what to write between `input_prefix` + `prompt` and `input_suffix`."""

    input_prefix: str
    input_suffix: str
    prompt: Annotated[str | None, Field(description="What the text in between begins with.")] = None
    input_extra: Any = only("empty")


BODIES = {"infill": InfillBody}
_ONLY: dict[str, tuple[tuple[Any, ...], str]] = {
    "input_extra": (([],), "other files are not read; put what matters of them before 'input_prefix'"),
}


async def infill(service: Service, request: Request) -> Response:
    """Write the text between a beginning and an end, at once or as a stream of server-sent events."""
    body = parse(InfillBody, await read_body(request, service.settings.max_body_bytes))
    refuse(body, _ONLY)
    sampling = await service.read(partial(sampling_of, offered=OFFERED), body)
    limit = None if body.n_predict is None else checked_limit(body.n_predict, "n_predict")
    asked = raw_request(
        await between(service, body.input_prefix, body.input_suffix, "input_suffix", body.prompt or ""),
        sampling,
        limit,
        checked_stops(body.stop),
        ignore_eos=bool(body.ignore_eos),
        seconds=body.seconds,
        shift=shift_of(body, limit),
    )
    return replied(service, asked, body)


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


async def _tokens(service: Service, text: str, *, add_special: bool = False) -> list[int]:
    try:
        return await service.engine.tokenize(text, parse_special=False, add_special=add_special)
    except EngineError as error:
        raise unavailable(error.message, "engine_unavailable") from None
