"""What this server did since it began, as numbers: nothing in them comes from what anybody wrote."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from runtime.engine.core import Counters, EngineStatus, Finished, Started


class Metrics:
    """Sums over all requests, and how many there are now."""

    def __init__(self) -> None:
        self.requests = 0
        self.waiting = 0
        self.processing = 0
        self.prompt_tokens = 0
        self.cached_tokens = 0
        self.generated_tokens = 0
        self.prompt_seconds = 0.0
        self.generation_seconds = 0.0
        self._admitted: set[str] = set()

    @property
    def running_now(self) -> int:
        """Requests that are not over."""
        return self.waiting + self.processing

    @contextmanager
    def running(self, request_id: str) -> Iterator[None]:
        """Around the life of a request."""
        self.requests += 1
        self.waiting += 1
        try:
            yield
        finally:
            if request_id in self._admitted:
                self._admitted.discard(request_id)
                self.processing -= 1
            else:
                self.waiting -= 1

    def started(self, event: Started) -> None:
        """A request was admitted."""
        if event.request_id not in self._admitted:
            self._admitted.add(event.request_id)
            self.waiting -= 1
            self.processing += 1
        self.cached_tokens += event.cached_tokens

    def finished(self, event: Finished) -> None:
        """A request came to its end."""
        self.prompt_tokens += event.prompt_tokens
        self.generated_tokens += event.completion_tokens
        self.prompt_seconds += event.timings.prompt_seconds
        self.generation_seconds += event.timings.generation_seconds

    def as_prometheus(self, status: EngineStatus, engine: Counters) -> str:
        """The text Prometheus reads; llama-server's names where it has the same numbers."""
        return "".join(_lines(self, status, engine))


def _lines(metrics: Metrics, status: EngineStatus, engine: Counters) -> Iterator[str]:
    rows = (
        ("llamacpp:prompt_tokens_total", "counter", "Tokens of prompts.", metrics.prompt_tokens),
        ("llamacpp:prompt_seconds_total", "counter", "Seconds spent on prompts.", metrics.prompt_seconds),
        ("llamacpp:tokens_predicted_total", "counter", "Tokens generated.", metrics.generated_tokens),
        ("llamacpp:tokens_predicted_seconds_total", "counter", "Seconds spent generating.", metrics.generation_seconds),
        ("llamacpp:requests_processing", "gauge", "Requests being answered.", metrics.processing),
        ("llamacpp:requests_deferred", "gauge", "Requests waiting to be admitted.", metrics.waiting),
        ("pannier:prompt_cached_tokens_total", "counter", "Prompt tokens not computed again.", metrics.cached_tokens),
        ("pannier:requests_total", "counter", "Requests to the engine.", metrics.requests),
        ("pannier:engine_restarts_total", "counter", "Times the engine was restarted.", status.restarts),
        ("pannier:engine_steps_total", "counter", "Steps of the model.", engine.steps),
        ("pannier:engine_batch_tokens_total", "counter", "Tokens computed in them.", engine.batch_tokens),
        ("pannier:engine_set_backs_total", "counter", "Times a request had to give way.", engine.set_backs),
        ("pannier:engine_cache_cells", "gauge", "Tokens that are remembered.", engine.cells),
        ("pannier:engine_cache_texts", "gauge", "Texts they belong to.", engine.lines),
        ("pannier:engine_guessed_tokens_total", "counter", "Tokens of answers that were guessed.", engine.guessed),
        ("pannier:engine_guessed_right_tokens_total", "counter", "Those that came.", engine.right),
        ("pannier:first_token_seconds_sum", "counter", "Seconds waited for first tokens.", engine.first_seconds),
        ("pannier:first_token_seconds_count", "counter", "First tokens.", engine.first_tokens),
        ("pannier:next_token_seconds_sum", "counter", "Seconds waited for further tokens.", engine.next_seconds),
        ("pannier:next_token_seconds_count", "counter", "Further tokens.",
         engine.generated_tokens - engine.first_tokens),
    )  # fmt: skip
    for name, kind, what, value in rows:
        yield f"# HELP {name} {what}\n# TYPE {name} {kind}\n{name} {value}\n"
