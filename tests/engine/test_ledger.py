"""Who is to blame for a worker's death, and when a worker hangs: decided without any worker."""

from __future__ import annotations

import signal

from runtime.engine.core import Counters, Event, Failed, FailureKind, GenerationRequest, Reading, Started, TextDelta
from runtime.engine.ledger import Ledger, Ticket
from runtime.engine.messages import Beat
from runtime.engine.process import Death
from runtime.engine.watch import Patience, Watch

KILLED = Death(-signal.SIGKILL, "")
CRASHED = Death(-signal.SIGABRT, "GGML_ASSERT")


def opened(*names: str) -> tuple[Ledger, list[Ticket]]:
    ledger = Ledger()
    return ledger, [ledger.open(GenerationRequest(name, "Hello")) for name in names]


def sent(ledger: Ledger) -> list[str]:
    return [ticket.request.id for ticket in ledger.due()]


def begin(ledger: Ledger, *names: str) -> None:
    for name in names:
        ledger.take(Started(name, 1, 0, seed=7))


def tell(ledger: Ledger, *names: str) -> None:
    for name in names:
        ledger.take(TextDelta(name, "x", (1,)))


def heard(ticket: Ticket) -> list[Event]:
    return [ticket.events.get_nowait() for _ in range(ticket.events.qsize())]


def test_what_remains_is_the_request_with_its_seed_and_its_tokens():
    ledger, (ticket,) = opened("a")
    assert sent(ledger) == ["a"]
    begin(ledger, "a")
    tell(ledger, "a", "a")
    ledger.worker_died(KILLED)
    assert ticket.remainder().answered == (1, 1)
    assert ticket.remainder().sampling.seed == 7


def test_the_caller_hears_of_the_beginning_once():
    ledger, (ticket,) = opened("a")
    for _ in range(2):
        assert sent(ledger) == ["a"]
        begin(ledger, "a")
        tell(ledger, "a")
        ledger.worker_died(KILLED)
    assert [type(event).__name__ for event in heard(ticket)] == ["Started", "TextDelta", "TextDelta"]


def test_a_prompt_read_anew_is_no_news_once_there_was_an_answer():
    ledger, (ticket,) = opened("a")
    assert sent(ledger) == ["a"]
    begin(ledger, "a")
    ledger.take(Reading("a", 5, 9))
    ledger.worker_died(KILLED)
    assert sent(ledger) == ["a"]
    begin(ledger, "a")
    ledger.take(Reading("a", 5, 9))
    tell(ledger, "a")
    ledger.worker_died(KILLED)
    assert sent(ledger) == ["a"]
    begin(ledger, "a")
    ledger.take(Reading("a", 5, 9))
    assert [type(event).__name__ for event in heard(ticket)] == ["Started", "Reading", "Reading", "TextDelta"]


def test_many_kills_from_outside_blame_nobody_who_gets_on():
    ledger, _ = opened("a", "b", "c")
    for _ in range(10):
        assert sent(ledger) == ["a", "b", "c"]
        begin(ledger, "a", "b", "c")
        tell(ledger, "a", "b", "c")
        ledger.worker_died(KILLED)


def test_who_was_not_begun_is_not_blamed():
    ledger, (waiting, _) = opened("waiting", "poison")
    for _ in range(2):
        assert set(sent(ledger)) == {"waiting", "poison"}
        begin(ledger, "poison")
        ledger.worker_died(CRASHED)
    assert not heard(waiting)
    assert sent(ledger) == ["waiting"]


def test_a_request_that_kills_two_workers_is_refused_and_the_others_go_on():
    ledger, (good, poison) = opened("good", "poison")
    assert sent(ledger) == ["good", "poison"]
    begin(ledger, "good", "poison")
    tell(ledger, "good")
    ledger.worker_died(CRASHED)
    assert sent(ledger) == ["good"]  # both are blamed, and tried one at a time
    begin(ledger, "good")
    assert sent(ledger) == []
    tell(ledger, "good")
    assert sent(ledger) == ["poison"]
    begin(ledger, "poison")
    tell(ledger, "good")
    ledger.worker_died(CRASHED)
    failed = heard(poison)[-1]
    assert isinstance(failed, Failed)
    assert failed.kind is FailureKind.WORKER_DIED
    assert "SIGABRT" in failed.message
    assert not [event for event in heard(good) if isinstance(event, Failed)]


def test_a_cancelled_request_is_not_tried_again():
    ledger, (ticket,) = opened("a")
    assert sent(ledger) == ["a"]
    assert ledger.close(ticket), "the worker must be told"
    assert "a" in ledger, "the id is taken until the worker says the end"
    ledger.worker_died(KILLED)
    assert sent(ledger) == []
    assert "a" not in ledger


def beat(working: float = 0.0, expected: float = 1.0) -> Beat:
    return Beat(working, expected, Counters())


def test_silence_is_a_hang_and_a_sleeping_laptop_is_not():
    watch = Watch(Patience(silence=30))
    assert not any(watch.tick(1.0) for _ in range(30))
    assert "no sign of life" in watch.tick(1.0)
    watch = Watch(Patience(silence=30))
    assert not any(watch.tick(3600.0) for _ in range(10))


def test_a_beat_ends_the_silence():
    watch = Watch(Patience(silence=30))
    for _ in range(100):
        assert not watch.tick(1.0)
        watch.hear(beat())


def test_a_healthy_step_of_a_minute_is_let_be_and_a_long_one_only_where_it_should_be_short():
    watch = Watch(Patience())
    watch.hear(beat(working=60.0, expected=0.1))
    assert not watch.tick(1.0)
    watch.hear(beat(working=61.0, expected=0.1))
    assert "61 seconds in a step that should have taken 0.1" in watch.tick(1.0)
    watch.hear(beat(working=500.0, expected=30.0))
    assert not watch.tick(1.0)
