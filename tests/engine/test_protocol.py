"""Frames: whatever is said arrives, and what is no frame is refused."""

from __future__ import annotations

import os
import struct
import threading
from typing import get_args

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from runtime.engine import messages, protocol
from runtime.engine.core import (
    Counters,
    Embedding,
    Failed,
    FailureKind,
    Finished,
    FinishReason,
    GenerationRequest,
    GrammarTrigger,
    ModelFacts,
    Queued,
    Reading,
    ReasoningBudget,
    SamplingParams,
    Score,
    Started,
    TextDelta,
    Timings,
    TokenBias,
    TokenChance,
    TokenChances,
)
from runtime.engine.messages import (
    Beat,
    Cancel,
    Detokenize,
    Generate,
    Hello,
    Load,
    LoadFailed,
    Message,
    Ping,
    Pong,
    Progress,
    Ready,
    Refused,
    Text,
    Tokenize,
    Tokens,
    Unknown,
)
from runtime.engine.protocol import FrameBuffer, MessageWriter, ProtocolError

INTEGERS = st.integers(-(2**63), 2**63)
FLOATS = st.floats(allow_nan=False)
TOKENS = st.lists(INTEGERS, max_size=5).map(tuple)
TEXTS = st.text()
REQUESTS = st.builds(
    GenerationRequest,
    id=TEXTS,
    prompt=TEXTS | TOKENS,
    sampling=st.builds(
        SamplingParams,
        temperature=FLOATS,
        seed=st.none() | INTEGERS,
        grammar=st.none() | TEXTS,
        grammar_triggers=st.lists(st.builds(GrammarTrigger, TEXTS, st.booleans(), TEXTS), max_size=2).map(tuple),
        logit_bias=st.lists(st.builds(TokenBias, INTEGERS, FLOATS), max_size=2).map(tuple),
    ),
    answered=TOKENS,
    max_tokens=st.none() | INTEGERS,
    stop=st.lists(TEXTS, max_size=2).map(tuple),
    ignore_eos=st.booleans(),
    visible=st.lists(TEXTS, max_size=2).map(tuple),
    shift=st.none() | INTEGERS,
    prediction=TEXTS,
    reasoning=st.none() | st.builds(ReasoningBudget, INTEGERS, TEXTS, TEXTS, st.booleans(), TEXTS),
)
CHANCE = st.builds(TokenChance, INTEGERS, TOKENS, FLOATS)
CHANCES = st.builds(TokenChances, CHANCE, st.lists(CHANCE, max_size=2).map(tuple))
FACTS = st.builds(
    ModelFacts,
    chat_template=st.none() | TEXTS,
    metadata=st.dictionaries(TEXTS, TEXTS, max_size=2),
    adds_bos=st.booleans(),
    ranks=st.booleans(),
)
EVERY_MESSAGE: dict[type, st.SearchStrategy[Message]] = {
    Hello: st.builds(Hello, INTEGERS, INTEGERS),
    Load: st.builds(
        Load, engine_dir=TEXTS, backends=st.lists(TEXTS, max_size=2).map(tuple), model_fd=st.none() | INTEGERS
    ),
    Progress: st.builds(Progress, FLOATS),
    Ready: st.builds(Ready, FACTS),
    LoadFailed: st.builds(LoadFailed, TEXTS, TEXTS),
    Generate: st.builds(Generate, REQUESTS),
    Cancel: st.builds(Cancel, TEXTS),
    Started: st.builds(Started, TEXTS, INTEGERS, INTEGERS, INTEGERS),
    Reading: st.builds(Reading, TEXTS, INTEGERS, INTEGERS),
    messages.Embed: st.builds(messages.Embed, INTEGERS, st.lists(TOKENS, max_size=2).map(tuple)),
    messages.Vectors: st.builds(
        messages.Vectors, INTEGERS, st.lists(st.builds(Embedding, st.tuples(FLOATS), INTEGERS), max_size=2).map(tuple)
    ),
    messages.Rank: st.builds(messages.Rank, INTEGERS, TEXTS, st.lists(TEXTS, max_size=2).map(tuple)),
    messages.Scores: st.builds(
        messages.Scores, INTEGERS, st.lists(st.builds(Score, FLOATS, INTEGERS), max_size=2).map(tuple)
    ),
    messages.Drop: st.builds(messages.Drop, INTEGERS),
    Beat: st.builds(Beat, FLOATS, FLOATS, st.builds(Counters, INTEGERS, INTEGERS)),
    Queued: st.builds(Queued, TEXTS, INTEGERS),
    TextDelta: st.builds(TextDelta, TEXTS, TEXTS, TOKENS, st.lists(CHANCES, max_size=2).map(tuple)),
    Finished: st.builds(
        *(Finished, TEXTS, st.sampled_from(FinishReason), INTEGERS, INTEGERS),
        *(st.builds(Timings, FLOATS, FLOATS), st.none() | TEXTS),
    ),
    Failed: st.builds(Failed, TEXTS, st.sampled_from(FailureKind), TEXTS),
    Tokenize: st.builds(Tokenize, INTEGERS, TEXTS, st.booleans(), st.booleans()),
    Tokens: st.builds(Tokens, INTEGERS, TOKENS),
    Detokenize: st.builds(Detokenize, INTEGERS, TOKENS),
    Text: st.builds(Text, INTEGERS, TEXTS),
    Ping: st.builds(Ping, INTEGERS),
    Pong: st.builds(Pong, INTEGERS),
    Refused: st.builds(Refused, INTEGERS, TEXTS),
}


@settings(suppress_health_check=[HealthCheck.too_slow])  # many kinds of messages, on a machine that has others to do
@given(st.lists(st.one_of(*EVERY_MESSAGE.values()), max_size=4), st.data())
def test_what_is_said_arrives_however_the_reads_fall(said: list[Message], data: st.DataObject):
    stream = b"".join(map(protocol.encode, said))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=6)))
    buffer = FrameBuffer()
    heard = [
        message
        for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True)
        for message in buffer.feed(stream[start:end])
    ]
    assert heard == said


def test_the_round_trip_above_covers_every_message_that_travels():
    sendable = {kind for kind in get_args(messages.Message) if kind is not Unknown}
    assert set(EVERY_MESSAGE) == set(messages.TYPES.values()) == sendable


def test_a_list_in_a_message_arrives_as_a_tuple():
    sent = Generate(GenerationRequest("r", [1, 2, 3]))
    (heard,) = FrameBuffer().feed(protocol.encode(sent))
    assert heard == Generate(GenerationRequest("r", (1, 2, 3)))


def test_text_that_is_no_unicode_survives():
    (heard,) = FrameBuffer().feed(protocol.encode(Text(1, "\ud800 half a pair")))
    assert heard == Text(1, "\ud800 half a pair")


def frame(body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + body


def test_an_unknown_type_is_told_as_such_and_what_follows_is_read():
    stream = frame(b'{"type": "Sing", "song": "la"}') + protocol.encode(Ping(1))
    assert FrameBuffer().feed(stream) == [Unknown("Sing"), Ping(1)]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"not json",
        b"[]",
        b"7",
        b"{}",
        b'{"type": []}',
        b'{"type": "Ping"}',
        b'{"type": "Ping", "call": "1"}',
        b'{"type": "Ping", "call": true}',
        b'{"type": "Ping", "call": null}',
        b'{"type": "Ping", "call": 1, "more": 2}',
        b'{"type": "Generate", "request": {"id": "r", "prompt": null}}',
        b'{"type": "Generate", "request": {"id": "r", "prompt": ["a"]}}',
        b'{"type": "Failed", "request_id": "r", "kind": "odd", "message": ""}',
        b'{"type": "Load", "engine_dir": "d", "backends": [], "model_fd": [1]}',
        b"[" * 100_000,
        b"\xff\xfe",
    ],
)
def test_a_frame_that_is_no_message_is_refused(body: bytes):
    with pytest.raises(ProtocolError, match="no message"):
        FrameBuffer().feed(frame(body))


@given(st.binary(min_size=1, max_size=64))
def test_garbage_is_refused_or_waits_for_more_but_never_becomes_a_message(garbage: bytes):
    try:
        heard = FrameBuffer().feed(garbage)
    except ProtocolError:
        return
    assert heard == []


def test_a_length_above_the_limit_is_refused_before_anything_is_kept():
    with pytest.raises(ProtocolError, match="claims 4294967295 bytes"):
        FrameBuffer().feed(b"\xff\xff\xff\xff")


def test_a_message_above_the_limit_is_not_sent(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(protocol, "MAX_FRAME_BYTES", 100)
    with pytest.raises(ProtocolError, match="the limit is 100"):
        protocol.encode(Text(1, "x" * 100))


def test_two_threads_may_write_to_one_pipe_and_frames_stay_whole():
    reading, writing = os.pipe()
    writer = MessageWriter(writing)
    long = [Text(thread, "x" * 70_000) for thread in range(2)]

    def write(message: Message) -> None:
        for _ in range(20):
            writer.send(message, message)

    threads = [threading.Thread(target=write, args=(message,)) for message in long]
    for thread in threads:
        thread.start()
    closer = threading.Thread(target=lambda: ([t.join() for t in threads], os.close(writing)))
    closer.start()
    heard = [message for batch in protocol.read_batches(reading) for message in batch]
    closer.join()
    os.close(reading)
    assert len(heard) == 80
    assert all(message in long for message in heard)
