"""From a body to a request model, or to an error a person understands that names the field at fault."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from runtime.api.errors import ApiError, invalid

_LONGEST_PATH = 200  # characters of a name that somebody made up
_Model = TypeVar("_Model", bound=BaseModel)


def parse(model: type[_Model], body: bytes) -> _Model:
    """Validate the JSON in `body`. Raises `ApiError` 400."""
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        raise _explained(error.errors(include_url=False, include_context=False), body) from None


def _explained(problems: list[ErrorDetails], body: bytes) -> ApiError:
    first = problems[0]
    if first["type"] == "json_invalid":
        return invalid(
            f"The body is not valid JSON: {first['msg'].removeprefix('Invalid JSON: ')}.", code="invalid_json"
        )
    document = json.loads(body)
    paths = [_path(problem["loc"], document) for problem in problems]
    if first["type"] == "missing":
        param = f"{paths[0]}.{first['loc'][-1]}".removeprefix(".")
        return invalid(f"'{param}' is missing.", param, "missing_required_parameter")
    # Each member of a union complains for itself; the one that got furthest into the value was meant.
    param = max((path for path in paths if path.startswith(paths[0])), key=len)
    if not param:
        return invalid("The body must be a JSON object.", code="invalid_json")
    if first["type"] == "extra_forbidden":
        return invalid(f"'{param}' is not a field this server knows.", param, "unknown_parameter")
    if first["type"] == "too_short":
        return invalid(f"'{param}' must not be empty.", param, "invalid_value")
    wishes = [problem["msg"] for problem, path in zip(problems, paths, strict=True) if path == param]
    wish = " or ".join(dict.fromkeys(message.removeprefix("Input should be ") for message in wishes))
    return invalid(f"'{param}' should be {wish}.", param, "invalid_value")


def _path(location: Sequence[int | str], document: Any) -> str:
    """`messages[0].content`. Pydantic's location also names the members of unions; what is in the body counts."""
    path = ""
    here = document
    for step in location:
        if isinstance(here, dict) and isinstance(step, str) and step in here:
            path, here = f"{path}.{step}" if path else step, here[step]
        elif isinstance(here, list) and isinstance(step, int):
            path, here = f"{path}[{step}]", here[step] if step < len(here) else None
    return path[:_LONGEST_PATH]
