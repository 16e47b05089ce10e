"""What answers look like, for the OpenAPI document. Written small: what every answer has, not what it may have besides.

A test asks every address and holds its answers to these.
"""

from __future__ import annotations

from typing import Any

_TEXT, _WHOLE, _NUMBER, _YES = {"type": "string"}, {"type": "integer"}, {"type": "number"}, {"type": "boolean"}
_ANY: dict[str, Any] = {}
_MAYBE = {"type": ["string", "null"]}


def _object(**members: Any) -> dict[str, Any]:
    return {"type": "object", "properties": members, "required": list(members)}


def _maybe(**members: Any) -> dict[str, Any]:
    """An answer of which the request chooses the members."""
    return {"type": "object", "properties": members}


def _list(items: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": items}


def _word(*values: str) -> dict[str, Any]:
    return {"enum": list(values)}


_REASON = _word("stop", "length", "tool_calls")
_USAGE = _object(prompt_tokens=_WHOLE, completion_tokens=_WHOLE, total_tokens=_WHOLE)
_CALL = _object(id=_TEXT, type=_word("function"), function=_object(name=_TEXT, arguments=_TEXT))
_MESSAGE = _object(role=_word("assistant"), content=_MAYBE)
_MESSAGE["properties"] |= {"tool_calls": _list(_CALL), "reasoning_content": _TEXT}
_CHOICE = _object(index=_WHOLE, message=_MESSAGE, finish_reason=_REASON)
_MODEL = _object(id=_TEXT, object=_word("model"), created=_WHOLE, owned_by=_TEXT)
_OLLAMA_MODEL = _object(name=_TEXT, model=_TEXT, modified_at=_TEXT, size=_WHOLE, digest=_TEXT, details=_object())
_HEAD = {"id": _TEXT, "created": _WHOLE, "model": _TEXT}

ANSWERS: dict[str, dict[str, Any]] = {
    "models": _object(object=_word("list"), data=_list(_MODEL)),
    "model": _MODEL,
    "chat_completions": _object(**_HEAD, object=_word("chat.completion"), choices=_list(_CHOICE), usage=_USAGE),
    "completions": _object(
        **_HEAD, object=_word("text_completion"), usage=_USAGE,
        choices=_list(_object(text=_TEXT, index=_WHOLE, finish_reason=_REASON)),
    ),
    "responses": _object(
        id=_TEXT, object=_word("response"), created_at=_WHOLE, model=_TEXT, output=_list(_object(type=_TEXT, id=_TEXT)),
        status=_word("completed", "incomplete"), usage=_object(input_tokens=_WHOLE, output_tokens=_WHOLE),
    ),
    "embeddings": _object(
        object=_word("list"), model=_TEXT, usage=_object(prompt_tokens=_WHOLE, total_tokens=_WHOLE),
        data=_list(_object(object=_word("embedding"), index=_WHOLE, embedding={"type": ["array", "string"]})),
    ),
    "completion": _maybe(
        content=_TEXT, tokens=_list(_WHOLE), stop=_YES, model=_TEXT, tokens_predicted=_WHOLE, tokens_evaluated=_WHOLE,
        stop_type=_word("eos", "word", "limit"), timings=_object(),
    ),
    "infill": _maybe(content=_TEXT, stop=_YES, tokens_predicted=_WHOLE, tokens_evaluated=_WHOLE),
    "tokenize": _object(tokens=_list(_ANY)),
    "detokenize": _object(content=_TEXT),
    "embedding": _list(_object(index=_WHOLE, embedding=_list(_list(_NUMBER)))),
    "rerank": {"anyOf": [
        _object(
            object=_word("list"), model=_TEXT, results=_list(_object(index=_WHOLE, relevance_score=_NUMBER)),
            usage=_object(prompt_tokens=_WHOLE, total_tokens=_WHOLE),
        ),
        _list(_object(index=_WHOLE, score=_NUMBER)),
    ]},
    "apply_template": _object(prompt=_TEXT),
    "props": _object(total_slots=_WHOLE, chat_template=_TEXT, model_alias=_TEXT, default_generation_settings=_object()),
    "slots": _list(_object(id=_WHOLE, n_ctx=_WHOLE, is_processing=_YES)),
    "messages": _object(
        id=_TEXT, type=_word("message"), role=_word("assistant"), model=_TEXT, content=_list(_object(type=_TEXT)),
        stop_reason=_word("end_turn", "max_tokens", "stop_sequence", "tool_use"), stop_sequence=_MAYBE,
        usage=_object(input_tokens=_WHOLE, output_tokens=_WHOLE),
    ),
    "count_tokens": _object(input_tokens=_WHOLE),
    "chat": _object(model=_TEXT, created_at=_TEXT, done=_YES, message=_object(role=_TEXT, content=_TEXT)),
    "generate": _object(model=_TEXT, created_at=_TEXT, done=_YES, response=_TEXT),
    "tags": _object(models=_list(_OLLAMA_MODEL)),
    "ps": _object(models=_list(_OLLAMA_MODEL)),
    "show": _object(template=_TEXT, details=_object(), model_info=_object(), capabilities=_list(_TEXT)),
    "embed": _object(model=_TEXT, embeddings=_list(_list(_NUMBER)), prompt_eval_count=_WHOLE),
    "embed_one": _object(embedding=_list(_NUMBER)),
    "version": _object(version=_TEXT),
}  # fmt: skip
"""Handler → the JSON of a whole answer."""

STREAMS = {"resume": "text/event-stream", "metrics": "text/plain"}
"""Handlers that answer with something else than JSON."""

_OPENAI_ERROR = _object(error=_object(message=_TEXT, type=_TEXT, param=_MAYBE, code=_MAYBE))
ERRORS: dict[str, dict[str, Any]] = {
    "openai": _OPENAI_ERROR,
    "llama.cpp": _object(error=_object(code=_WHOLE, message=_TEXT, type=_TEXT)),
    "anthropic": _object(type=_word("error"), error=_object(type=_TEXT, message=_TEXT)),
    "ollama": _object(error=_TEXT),
}
"""Dialect → how it tells an error."""
