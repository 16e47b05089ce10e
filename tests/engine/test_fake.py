"""The fake keeps the engine's contract."""

from __future__ import annotations

import asyncio
from contextlib import aclosing

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.engine import failures
from runtime.engine.core import (
    EngineState,
    Event,
    Failed,
    FailureKind,
    Finished,
    FinishReason,
    GenerationRequest,
    SamplingParams,
    Started,
    TextDelta,
)
from runtime.engine.fake import FakeBehaviour, FakeEngine, encode, piece
from runtime.errors import CannotRunError, EngineError


async def ready(behaviour: FakeBehaviour | None = None) -> FakeEngine:
    engine = FakeEngine(behaviour)
    await engine.start()
    await engine.wait_ready()
    return engine


async def events(engine: FakeEngine, request: GenerationRequest) -> list[Event]:
    return [event async for event in engine.generate(request)]


def ask(behaviour: FakeBehaviour | None = None, **request: object) -> list[Event]:
    async def run() -> list[Event]:
        return await events(await ready(behaviour), GenerationRequest("r1", **{"prompt": "Hello", **request}))  # type: ignore[arg-type]

    return asyncio.run(run())


def text_of(found: list[Event]) -> str:
    return "".join(event.text for event in found if isinstance(event, TextDelta))


def test_events_come_as_started_then_deltas_then_exactly_one_end():
    first, *middle, last = ask()
    assert isinstance(first, Started)
    assert isinstance(last, Finished)
    assert middle
    assert all(isinstance(event, TextDelta) for event in middle)
    assert last.reason is FinishReason.STOP
    assert last.completion_tokens == sum(len(e.tokens) for e in middle if isinstance(e, TextDelta)) + 1


def test_the_same_seed_gives_the_same_answer_and_another_seed_another():
    answers = [text_of(ask(sampling=SamplingParams(seed=seed))) for seed in (1, 1, 2)]
    assert answers[0] == answers[1] != answers[2]


def test_temperature_zero_does_not_look_at_the_seed():
    assert len({text_of(ask(sampling=SamplingParams(temperature=0, seed=seed))) for seed in (1, 2)}) == 1


def test_max_tokens_ends_with_length():
    last = ask(max_tokens=3)[-1]
    assert isinstance(last, Finished)
    assert (last.reason, last.completion_tokens) == (FinishReason.LENGTH, 3)


def test_a_stop_string_ends_the_text_and_is_no_part_of_it():
    found = ask(FakeBehaviour(answer="one two three"), stop=("tw",))
    last = found[-1]
    assert isinstance(last, Finished)
    assert (text_of(found), last.stop) == ("one ", "tw")


def test_ignore_eos_goes_on_to_the_limit():
    last = ask(FakeBehaviour(answer="short"), ignore_eos=True, max_tokens=200)[-1]
    assert isinstance(last, Finished)
    assert last.completion_tokens == 200


def test_a_prompt_that_does_not_fit_is_refused_with_both_numbers():
    (only,) = ask(FakeBehaviour(context_size=8), prompt="Hello, world")
    assert isinstance(only, Failed)
    assert only.kind is FailureKind.TOO_LONG
    assert "12 tokens" in only.message
    assert "holds 8" in only.message


def test_an_invalid_grammar_is_that_requests_error():
    (only,) = ask(sampling=SamplingParams(grammar="nonsense ::="))
    assert isinstance(only, Failed)
    assert only.kind is FailureKind.INVALID


def test_it_can_refuse_what_a_test_wants_refused():
    behaviour = FakeBehaviour(refuse=lambda request: failures.invalid(request.id, "Not today."))
    assert ask(behaviour) == [Failed("r1", FailureKind.INVALID, "Not today.")]


def test_a_death_is_a_pause_and_the_answer_the_same():
    async def run() -> tuple[list[Event], int]:
        engine = await ready(FakeBehaviour(answer="a b c d", die_at_token=2, load_seconds=0.01))
        return await events(engine, GenerationRequest("a", "Hello")), engine.status.restarts

    found, restarts = asyncio.run(run())
    assert text_of(found) == "a b c d"
    assert isinstance(found[-1], Finished)
    assert restarts == 1


def test_two_deaths_at_the_token_asked_for_end_the_request_and_the_next_is_served():
    async def run() -> tuple[list[Event], EngineState, list[Event], int]:
        engine = await ready(FakeBehaviour(die_at_token=2, deaths=2, load_seconds=0.01))
        broken = await events(engine, GenerationRequest("a", "Hello"))
        state = engine.status.state
        whole = await events(engine, GenerationRequest("b", "Hello"))
        return broken, state, whole, engine.status.restarts

    broken, state, whole, restarts = asyncio.run(run())
    assert isinstance(broken[-1], Failed)
    assert broken[-1].kind is FailureKind.WORKER_DIED
    assert len(broken) == 1 + 2 + 1
    assert state is EngineState.RESTARTING
    assert isinstance(whole[-1], Finished)
    assert restarts == 2


def test_before_it_is_ready_requests_fail_as_unavailable():
    async def run() -> tuple[EngineState, list[Event]]:
        engine = FakeEngine(FakeBehaviour(never_ready=True))
        await engine.start()
        await asyncio.sleep(0.01)
        return engine.status.state, await events(engine, GenerationRequest("a", "Hello"))

    state, (only,) = asyncio.run(run())
    assert state is EngineState.LOADING
    assert isinstance(only, Failed)
    assert only.kind is FailureKind.UNAVAILABLE


def test_a_load_error_is_raised_by_wait_ready():
    with pytest.raises(CannotRunError, match="too small"):
        asyncio.run(ready(FakeBehaviour(load_error=CannotRunError("This machine is too small."))))


def test_closing_the_iterator_early_is_noted_as_a_cancel():
    async def run() -> list[str]:
        engine = await ready()
        async with aclosing(engine.generate(GenerationRequest("gone", "Hello"))) as stream:
            async for event in stream:
                if isinstance(event, TextDelta):
                    break
        return engine.cancelled

    assert asyncio.run(run()) == ["gone"]


def test_stopping_twice_is_fine_and_ends_the_service():
    async def run() -> list[Event]:
        engine = await ready()
        await engine.stop()
        await engine.stop()
        with pytest.raises(EngineError):
            await engine.tokenize("Hello", parse_special=True, add_special=True)
        return await events(engine, GenerationRequest("late", "Hello"))

    (only,) = asyncio.run(run())
    assert isinstance(only, Failed)


@given(st.text(st.characters(exclude_categories=["Cs"])), st.booleans())
def test_tokens_round_trip(text: str, parse_special: bool):
    assert b"".join(map(piece, encode(text, parse_special=parse_special))).decode() == text


def test_special_text_is_one_token_only_where_asked():
    assert len(encode("<|im_end|>", parse_special=True)) == 1
    assert len(encode("<|im_end|>", parse_special=False)) == 10
