"""`/rerank`: how well documents answer a question, in the shape of Jina and Cohere; with `texts`, in that of TEI."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response

from runtime.api.door import read_body
from runtime.api.errors import invalid, json_response
from runtime.api.fields import only, refuse
from runtime.api.native import SHAPE as SHAPE
from runtime.api.openai.embeddings import MAX_TEXTS
from runtime.api.parse import parse
from runtime.api.reply import answered
from runtime.api.service import Service
from runtime.engine.core import Score
from runtime.errors import EngineError

_Documents = Annotated[
    list[str | dict[str, Any]] | None,
    Field(min_length=1, max_length=MAX_TEXTS, description='Texts, or objects with a "text".'),
]


class RerankBody(BaseModel):
    """`/rerank`."""

    model_config = ConfigDict(strict=True, extra="forbid", defer_build=True)

    query: str
    documents: _Documents = None
    top_n: Annotated[int | None, Field(ge=1, description="Only so many, the best.")] = None
    return_documents: Annotated[bool | None, Field(description="With each result its document.")] = None
    model: str | None = None
    texts: Annotated[
        list[str] | None,
        Field(min_length=1, max_length=MAX_TEXTS, description="TEI's name of documents; the answer is TEI's list."),
    ] = None
    return_text: Annotated[bool | None, Field(description="With texts: with each result its text.")] = None
    raw_scores: Any = only("true")
    truncate: Any = only("false")


BODIES = {"rerank": RerankBody}
_ONLY: dict[str, tuple[tuple[Any, ...], str]] = {
    "raw_scores": ((True,), "scores are told as the model gives them"),
    "truncate": ((False,), "a text that is too long is refused, never cut"),
}


async def rerank(service: Service, request: Request) -> Response:
    """How well each of the documents answers the question, the best first, where the model was made to say it."""
    body = parse(RerankBody, await read_body(request, service.settings.max_body_bytes))
    refuse(body, _ONLY)
    if not service.ready_facts().ranks:
        raise invalid(
            "This model was not made to rank documents; /v1/embeddings gives vectors to compare them by.",
            "model",
            "unsupported_model",
        )
    documents = _documents(body)
    return answered(lambda: _answer(service, documents, body), service.closing, SHAPE)


async def _answer(service: Service, documents: list[str], body: RerankBody) -> Response:
    try:
        scores = await service.engine.rank(body.query, documents)
    except EngineError as error:
        raise invalid(error.message, "documents") from None
    ranked = sorted(enumerate(scores), key=lambda one: -one[1].value)[: body.top_n]
    if body.texts is not None:
        return json_response([_tei(index, score, documents, body) for index, score in ranked])
    tokens = sum(score.tokens for score in scores)
    return json_response(
        {
            "object": "list",
            "model": service.settings.model_id,
            "results": [_result(index, score, documents, body) for index, score in ranked],
            "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
        }
    )


def _documents(body: RerankBody) -> list[str]:
    if body.texts is not None and body.documents is not None:
        raise invalid("'documents' and 'texts' contradict each other; give one.", "documents")
    if body.texts is not None:
        return body.texts
    if body.documents is None:
        raise invalid("'documents' is missing.", "documents")
    return [_text(index, document) for index, document in enumerate(body.documents)]


def _text(index: int, document: str | dict[str, Any]) -> str:
    text = document.get("text") if isinstance(document, dict) else document
    if not isinstance(text, str):
        raise invalid(f"'documents[{index}].text' must be a string.", f"documents[{index}]")
    return text


def _result(index: int, score: Score, documents: list[str], body: RerankBody) -> dict[str, Any]:
    document = {"document": {"text": documents[index]}} if body.return_documents else {}
    return {"index": index, "relevance_score": score.value, **document}


def _tei(index: int, score: Score, documents: list[str], body: RerankBody) -> dict[str, Any]:
    return {"index": index, "score": score.value, **({"text": documents[index]} if body.return_text else {})}
