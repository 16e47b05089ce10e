"""A question and a document as the one text that a model which ranks documents was trained on.

A model may bring the form of it: its template of the name "rerank". Without one the two stand one behind the other,
with those control tokens around and between them that the vocabulary says it adds. Both is as llama-server does it.
"""

from __future__ import annotations

import re

from runtime.engine.worker.model import Model

_PLACES = re.compile(r"\{query\}|\{document\}")


def paired(model: Model, query: str, document: str) -> list[int]:
    """The tokens of both together. Raises `EngineError`."""
    raw, vocabulary = model.llama.raw, model.vocabulary
    form = raw.llama_model_chat_template(model.handle, b"rerank")
    if form is not None:
        texts = {"{query}": query, "{document}": document}
        text = _PLACES.sub(lambda place: texts[place[0]], form.decode("utf-8", "replace"))
        return model.tokenize(text, parse_special=True, add_special=False)
    separator = raw.llama_vocab_sep(vocabulary)
    end = raw.llama_vocab_eos(vocabulary)
    end = separator if end < 0 else end
    ends = [end] if raw.llama_vocab_get_add_eos(vocabulary) else []
    tokens = [
        *([model.bos] if model.adds_bos else []),
        *model.tokenize(query, parse_special=False, add_special=False),
        *ends,
        *([separator] if raw.llama_vocab_get_add_sep(vocabulary) else []),
        *model.tokenize(document, parse_special=False, add_special=False),
        *ends,
    ]
    return [token for token in tokens if token >= 0]  # a vocabulary may say that it adds what it has not
