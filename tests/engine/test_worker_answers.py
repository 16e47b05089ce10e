"""What a worker on a real model answers, asked through the client."""

from __future__ import annotations

import asyncio
import json
import math
from contextlib import aclosing
from dataclasses import replace

import pytest

from runtime.engine.client import WorkerEngine
from runtime.engine.core import (
    Event,
    Failed,
    FailureKind,
    Finished,
    FinishReason,
    GenerationRequest,
    GrammarTrigger,
    Reading,
    SamplingParams,
    Started,
    TextDelta,
    TokenBias,
)
from runtime.errors import EngineError
from tests.engine.comparing import TELLING
from tests.engine.workers import GREEDY, Worker, end_of, events, text_of, tokens_of

PROMPT = "The teacher asks a question and the students think about"
LONG = 16384
"""A context that takes seconds to fill, for requests that must still be running when something happens to them."""

ASK = GenerationRequest("ask", PROMPT, GREEDY, max_tokens=24)


def ask(worker: Worker, *requests: GenerationRequest) -> list[list[Event]]:
    """One after the other, on one worker."""

    async def run(engine: WorkerEngine) -> list[list[Event]]:
        return [await events(engine, request) for request in requests]

    return worker.use(run)


def test_greedy_gives_the_same_text_in_one_worker_in_another_and_from_a_reused_prompt(worker: Worker):
    first, again = ask(worker, ASK, ASK)
    (elsewhere,) = ask(worker, ASK)
    assert text_of(first) == text_of(again) == text_of(elsewhere) != ""
    assert isinstance(first[0], Started)
    assert isinstance(again[0], Started)
    assert first[0].cached_tokens == 0
    assert again[0].cached_tokens == again[0].prompt_tokens - 1


def test_tokens_behind_the_text_are_told(worker: Worker):
    async def run(engine: WorkerEngine) -> tuple[str, str]:
        found = await events(engine, ASK)
        tokens = [token for event in found if isinstance(event, TextDelta) for token in event.tokens]
        assert len(tokens) == end_of(found).completion_tokens
        return text_of(found), await engine.detokenize(tokens)

    text, behind = worker.use(run)
    assert text == behind


def test_how_far_a_long_prompt_is_read_is_told_until_the_first_word(worker: Worker):
    async def run(engine: WorkerEngine) -> list[list[Event]]:
        long = replace(ASK, prompt=PROMPT * 10)
        return [await events(engine, one) for one in (long, replace(long, id="again"))]

    first, again = worker.use(run, batch_tokens=32)
    started, *rest = first
    assert isinstance(started, Started)
    steps = [event for event in rest if isinstance(event, Reading)]
    assert rest[: len(steps)] == steps, "nothing is read between words"
    processed = [step.processed for step in steps]
    assert processed == sorted(set(processed))
    assert 0 < processed[0] < processed[-1] < started.prompt_tokens
    assert len(steps) >= started.prompt_tokens // 32 - 1
    assert {step.prompt_tokens for step in steps} == {started.prompt_tokens}
    assert not [event for event in again if isinstance(event, Reading)], "it was all cached"


def test_a_prompt_cached_longer_than_a_batch_gives_the_text_of_an_uncached_one(worker: Worker):
    long = replace(ASK, prompt=PROMPT * 20)
    other = replace(ASK, prompt=PROMPT * 10 + " nobody knows")
    (_, cached), (fresh,) = ask(worker, long, other), ask(worker, other)
    assert isinstance(cached[0], Started)
    assert cached[0].cached_tokens > 100
    assert text_of(cached) == text_of(fresh)


def test_small_batches_give_the_text_of_a_large_one(worker: Worker):
    def text(batch_tokens: int) -> str:
        async def run(engine: WorkerEngine) -> str:
            return text_of(await events(engine, replace(ASK, prompt=PROMPT * 4)))

        return worker.use(run, batch_tokens=batch_tokens)

    assert text(32) == text(512)


def test_a_seed_repeats_the_answer_and_none_draws_one_that_is_told(worker: Worker):
    drawn = SamplingParams(temperature=1.5)
    (free,) = ask(worker, replace(ASK, sampling=drawn))
    assert isinstance(free[0], Started)
    same = replace(ASK, sampling=replace(drawn, seed=free[0].seed))
    another = replace(ASK, sampling=replace(drawn, seed=free[0].seed ^ 1))
    repeated, different = ask(worker, same, another)
    assert text_of(repeated) == text_of(free) != text_of(different)


def test_randomness_is_a_function_of_seed_and_token_index_so_an_answer_can_be_taken_up(worker: Worker):
    """The first tokens of an answer do not depend on how many follow, or on what was asked before."""
    drawn = replace(ASK, sampling=SamplingParams(temperature=1.5, seed=11))
    short, other, whole = ask(worker, replace(drawn, max_tokens=6), replace(ASK, prompt="!"), drawn)
    tokens = [[t for e in found if isinstance(e, TextDelta) for t in e.tokens] for found in (short, whole)]
    assert tokens[1][: len(tokens[0])] == tokens[0]
    assert end_of(other)


def test_penalties_look_at_the_prompt_and_the_answer(worker: Worker):
    plain, penalised = ask(worker, ASK, replace(ASK, sampling=SamplingParams(temperature=0, repeat_penalty=5.0)))
    assert text_of(plain) != text_of(penalised)


def test_max_tokens_and_the_end_of_the_context_are_both_length(worker: Worker):
    few, full = ask(worker, replace(ASK, max_tokens=5, ignore_eos=True), replace(ASK, max_tokens=None, ignore_eos=True))
    assert (end_of(few).reason, end_of(few).completion_tokens) == (FinishReason.LENGTH, 5)
    assert end_of(full).reason is FinishReason.LENGTH
    assert end_of(full).prompt_tokens + end_of(full).completion_tokens == 512


def test_who_asks_for_it_goes_on_beyond_the_context_from_what_was_kept_and_the_newer_half(worker: Worker):
    endless = replace(ASK, sampling=TELLING, shift=14, max_tokens=700, ignore_eos=True)
    whole, short = ask(worker, endless, replace(endless, shift=None))
    assert (end_of(whole).reason, end_of(whole).completion_tokens) == (FinishReason.LENGTH, 700)
    assert end_of(short).prompt_tokens + end_of(short).completion_tokens == 512

    async def prompt(engine: WorkerEngine) -> list[int]:
        return await engine.tokenize(PROMPT, parse_special=True, add_special=True)

    tokens = worker.use(prompt)
    assert len(tokens) == 14
    answer = tokens_of(whole)
    first_cut = 512 - len(tokens)  # tokens of the answer when the context was full
    kept = [*tokens, *answer[:first_cut]]
    kept = [*kept[:14], *kept[14 + (512 - 14) // 2 :]]
    (fresh,) = ask(worker, replace(endless, prompt=kept, shift=None, max_tokens=40))
    assert tokens_of(fresh) == answer[first_cut : first_cut + 40]

    (rest,) = ask(worker, replace(endless, answered=tuple(answer[:650])))
    assert tokens_of(rest) == answer[650:], "begun elsewhere, it is cut in the same places"


def test_no_tokens_asked_is_no_tokens_given(worker: Worker):
    (found,) = ask(worker, replace(ASK, max_tokens=0))
    assert (text_of(found), end_of(found).completion_tokens) == ("", 0)


def test_a_stop_string_ends_the_text_before_it(worker: Worker):
    (whole,) = ask(worker, ASK)
    text = text_of(whole)
    stop = text[8:11]
    (found,) = ask(worker, replace(ASK, stop=(stop,)))
    assert text_of(found) == text[: text.index(stop)]
    assert (end_of(found).reason, end_of(found).stop) == (FinishReason.STOP, stop)


def test_a_prompt_that_does_not_fit_is_refused_with_both_numbers_and_the_next_is_served(worker: Worker):
    refused, served = ask(worker, replace(ASK, prompt=[65] * 512), ASK)
    assert refused == [
        Failed("ask", FailureKind.TOO_LONG, "The prompt has 512 tokens; the context holds 512, the answer included.")
    ]
    assert text_of(served)


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        (replace(ASK, prompt=""), "empty"),
        (replace(ASK, prompt=[1, 99_999]), "no token 99999"),
        (replace(ASK, prompt=[-1]), "no token -1"),
        (replace(ASK, sampling=SamplingParams(logit_bias=(TokenBias(99_999, 1.0),))), "no token 99999"),
        (replace(ASK, sampling=SamplingParams(grammar="nonsense")), "GBNF"),
        (replace(ASK, sampling=SamplingParams(grammar='root ::= root "a"')), "GBNF"),
        (replace(ASK, sampling=SamplingParams(grammar='start ::= "a"')), "root"),
        (replace(ASK, sampling=SamplingParams(grammar='root ::= "a"'), ignore_eos=True), "ignore_eos"),
    ],
)
def test_a_request_that_makes_no_sense_is_its_own_failure_only(
    worker: Worker, request_: GenerationRequest, message: str
):
    (refused,), served = ask(worker, request_, ASK)
    assert isinstance(refused, Failed)
    assert refused.kind is FailureKind.INVALID
    assert message in refused.message
    assert text_of(served)


def test_a_grammar_shapes_the_answer(worker: Worker):
    sampling = SamplingParams(temperature=1.0, seed=3, grammar='root ::= ("yes" | "no") ", " [0-9]{3} "\u4e16"')
    (found,) = ask(worker, replace(ASK, sampling=sampling))
    word, rest = text_of(found).split(", ")
    assert word in ("yes", "no")
    assert rest[:3].isdigit()
    assert rest[3:] == "\u4e16"
    assert end_of(found).reason is FinishReason.STOP


def test_what_the_samplers_left_is_told_as_they_left_it(worker: Worker):
    some = SamplingParams(temperature=1.0, seed=3, top_k=3, n_probs=5, after_sampling=True)
    one = replace(some, temperature=0)
    shaped = replace(some, grammar='root ::= ("a" | "b") "c"')
    asked = [replace(ASK, sampling=each, max_tokens=6) for each in (some, one, shaped)]
    for found, count in zip(ask(worker, *asked), (3, 1, 3), strict=True):
        told = [chance for event in found if isinstance(event, TextDelta) for chance in event.chances]
        assert told
        for chances in told:
            assert 1 <= len(chances.top) <= count
            assert math.isclose(sum(math.exp(each.logprob) for each in chances.top), 1, abs_tol=1e-4)
            assert chances.drawn in chances.top


def test_an_answer_that_was_given_little_time_ends_behind_a_line(worker: Worker):
    sampling = replace(GREEDY, grammar='root ::= [a-c]{3} "\\n" [a-z]{300}')
    (found,) = ask(worker, replace(ASK, sampling=sampling, max_tokens=200, seconds=0.0))
    assert end_of(found).reason is FinishReason.LENGTH
    assert "\n" in text_of(found)
    assert len(text_of(found)) < 30


def test_a_trigger_switches_the_grammar_on_and_until_then_the_answer_is_free(worker: Worker):
    """Noise would never say three digits by itself. The trigger is a word of its free answer, without the space that
    is in the same token.
    """
    (free,) = ask(worker, ASK)
    word = max((event.text for event in free if isinstance(event, TextDelta) and event.text.isascii()), key=len).strip()
    grammar = f'root ::= {json.dumps(word)} [0-9]{{3}} "garden"'
    sampling = replace(GREEDY, grammar=grammar, grammar_triggers=(GrammarTrigger(word),))
    asked = replace(ASK, sampling=sampling, max_tokens=100)
    shaped, asleep = ask(
        worker, asked, replace(asked, sampling=replace(sampling, grammar_triggers=(GrammarTrigger("\0never"),)))
    )
    before, after = text_of(shaped).split(word, 1)
    assert text_of(free).startswith(before)
    assert after[:3].isdigit()
    assert after[3:].strip() == "garden"
    assert end_of(shaped).reason is FinishReason.STOP
    assert text_of(asleep).startswith(text_of(free))

    begun = tuple(tokens_of(shaped)[:-3])
    (rest,) = ask(worker, replace(asked, answered=begun))
    assert text_of(shaped).endswith(text_of(rest)), "an answer that was begun elsewhere is as awake as it was"


def test_control_tokens_are_text_where_asked_also_the_one_that_ends_the_answer(worker: Worker):
    async def run(engine: WorkerEngine) -> list[list[Event]]:
        (start,) = await engine.tokenize("<|im_start|>", parse_special=True, add_special=False)
        say = replace(GREEDY, grammar=f'root ::= <[{start}]> "a"')
        asked = replace(ASK, sampling=say)
        shown = replace(asked, visible=("<|im_start|>", "<|im_end|>", "<|endoftext|>", "no token at all"))
        return [await events(engine, one) for one in (asked, shown, replace(shown, stop=("a<|",)))]

    silent, shown, stopped = worker.use(run)
    assert text_of(silent) == "a"
    assert text_of(shown) in ("<|im_start|>a<|im_end|>", "<|im_start|>a<|endoftext|>")
    assert (end_of(silent).reason, end_of(shown).reason) == (FinishReason.STOP, FinishReason.STOP)
    assert text_of(stopped) == "<|im_start|>"


def test_two_requests_at_once_are_served_in_order_and_not_mixed_up(worker: Worker):
    other = replace(ASK, id="other", prompt="A river carries water")

    async def run(engine: WorkerEngine) -> tuple[list[Event], list[Event], list[Event]]:
        both = await asyncio.gather(events(engine, ASK), events(engine, other))
        return both[0], both[1], await events(engine, replace(other, id="alone"))

    first, second, alone = worker.use(run)
    assert {event.request_id for event in first} == {"ask"}
    assert {event.request_id for event in second} == {"other"}
    assert text_of(second) == text_of(alone) != text_of(first)


def test_closing_the_iterator_cancels_and_the_next_request_need_not_wait_for_the_rest(worker: Worker):
    endless = replace(ASK, id="endless", max_tokens=None, ignore_eos=True)

    async def run(engine: WorkerEngine) -> tuple[int, list[Event]]:
        seen = 0
        async with aclosing(engine.generate(endless)) as stream:
            async for _ in stream:
                seen += 1
                if seen == 3:
                    break
        return seen, await asyncio.wait_for(events(engine, ASK), 10)

    seen, served = worker.use(run, context_size=LONG)
    assert seen == 3
    assert text_of(served)


def test_an_id_is_refused_until_the_request_that_had_it_is_over(worker: Worker):
    endless = replace(ASK, max_tokens=None, ignore_eos=True)

    async def run(engine: WorkerEngine) -> tuple[list[Event], list[Event]]:
        async with aclosing(engine.generate(endless)) as stream:
            await anext(stream)
            twice = await events(engine, ASK)
        await events(engine, replace(ASK, id="another"))
        return twice, await events(engine, ASK)

    (refused,), served = worker.use(run, context_size=LONG)
    assert isinstance(refused, Failed)
    assert refused.kind is FailureKind.INVALID
    assert text_of(served)


def test_a_request_cancelled_while_it_waits_never_starts(worker: Worker):
    endless = replace(ASK, id="endless", max_tokens=None, ignore_eos=True)

    async def run(engine: WorkerEngine) -> list[Event]:
        async with aclosing(engine.generate(endless)) as stream:
            await anext(stream)
            waiting = asyncio.create_task(events(engine, replace(ASK, id="waiting")))
            await asyncio.sleep(0.01)
            waiting.cancel()
        return await events(engine, ASK)

    assert text_of(worker.use(run, context_size=LONG))


def test_tokens_are_counted_while_the_model_decodes(worker: Worker):
    endless = replace(ASK, max_tokens=None, ignore_eos=True)

    async def run(engine: WorkerEngine) -> bool:
        async with aclosing(engine.generate(endless)) as stream:
            await anext(stream)
            tokens = await engine.tokenize("a river", parse_special=False, add_special=False)
            return bool(tokens) and not isinstance(await anext(stream), Finished)

    assert worker.use(run, context_size=LONG)


def test_special_tokens_are_parsed_only_where_asked_and_rendered_back(worker: Worker):
    async def run(engine: WorkerEngine) -> tuple[list[int], list[int], str]:
        parsed = await engine.tokenize("<|im_end|>", parse_special=True, add_special=False)
        plain = await engine.tokenize("<|im_end|>", parse_special=False, add_special=False)
        return parsed, plain, await engine.detokenize(parsed)

    parsed, plain, text = worker.use(run)
    assert len(parsed) == 1
    assert len(plain) > 1
    assert text == "<|im_end|>"


@pytest.mark.parametrize("text", ["Hello", "  two spaces", "naïve 世界 🙂", "a\0b", "tab\tand\nline", "x" * 5000])
def test_text_round_trips_through_both_kinds_of_vocabulary(worker: Worker, sentencepiece_worker: Worker, text: str):
    async def run(engine: WorkerEngine) -> str:
        return await engine.detokenize(await engine.tokenize(text, parse_special=False, add_special=False))

    assert worker.use(run) == text
    assert sentencepiece_worker.use(run).removeprefix(" ") == text.removeprefix(" ")


def test_a_token_that_does_not_exist_cannot_be_rendered_and_kills_nobody(worker: Worker):
    async def run(engine: WorkerEngine) -> str:
        with pytest.raises(EngineError, match="no token 99999"):
            await engine.detokenize([99_999])
        return await engine.detokenize([32])

    assert worker.use(run) == "A"


def test_the_beginning_of_text_is_not_added_to_a_prompt_that_has_it(sentencepiece_worker: Worker):
    bare, begun = ask(sentencepiece_worker, replace(ASK, prompt="Hello"), replace(ASK, prompt="<s>Hello"))
    assert end_of(bare).prompt_tokens == end_of(begun).prompt_tokens


def test_the_facts_are_those_of_the_model(worker: Worker):
    async def run(engine: WorkerEngine) -> None:
        facts = await engine.wait_ready()
        assert facts == engine.facts
        assert (facts.name, facts.architecture, facts.context_size, facts.trained_context) == (
            "tiny",
            "llama",
            512,
            32768,
        )
        assert (facts.bos_text, facts.eos_text, facts.adds_bos) == ("<|endoftext|>", "<|im_end|>", False)
        assert "<|im_start|>" in (facts.chat_template or "")
        assert facts.backend.startswith("cpu")
        assert facts.metadata["general.name"] == "tiny"
        assert facts.parameters > 1_000_000

    worker.use(run)
