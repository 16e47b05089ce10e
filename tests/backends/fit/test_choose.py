"""What is chosen for the memory there is, what is given up first, and how a refusal is worded."""

from __future__ import annotations

from dataclasses import replace

import pytest

from runtime.backends.fit.choose import WIDE_BATCH, WIDER_BATCH, Fit, Wishes, choose
from runtime.backends.fit.need import GB, Plan, need
from runtime.backends.fit.room import Room
from runtime.backends.fit.words import machine_for, refusal, usual_room
from runtime.engine.lines import STATE_BACK
from runtime.shape import Layers, ModelShape

SEVEN = ModelShape(
    layers=(Layers(32, 210_000_000, keys=1024, values=1024),),
    embedding=130_000_000,
    output=130_000_000,
    tied=False,
    width=4096,
    widest=28672,
    heads=32,
    head_size=128,
    window=0,
    vocabulary=128_256,
    pieces=408_000,
    text=5_000_000,
)
"""A usual eight billion parameters in eight bits: 7 GB."""

MIXTURE = replace(SEVEN, layers=(Layers(32, 900_000_000, experts=850_000_000, keys=1024, values=1024),), experts_used=2)


def fit(memory: float, *, shape: ModelShape = SEVEN, device: float = 0, **wishes: object) -> Fit:
    wished = replace(Wishes(8192), **wishes)  # type: ignore[arg-type]
    size = int(device * GB)
    return choose(shape, wished, Room(int(memory * GB), int(memory * GB), size, size))


def test_with_plenty_of_memory_everything_wished_for_is_given() -> None:
    found = fit(64, parallel=4)
    assert found.fits
    assert found.plan == Plan(8192, 4, cells=4 * 8192)
    assert found.given_up == ()


def test_a_split_cache_counts_all_its_parts_and_is_given_up_where_they_do_not_fit() -> None:
    whole, split = fit(64, parallel=4), fit(64, parallel=4, split_cache=True)
    assert split.plan == replace(whole.plan, split=True)
    assert split.need.memory.cache == 6 / 4 * whole.need.memory.cache, "two parts more, for texts at rest"
    narrow = fit(split.need.memory.total / GB - 0.2, parallel=4, split_cache=True)
    assert narrow.fits
    assert not narrow.plan.split
    assert "the cache is not split" in narrow.given_up
    windowed = replace(SEVEN, layers=(replace(SEVEN.layers[0], windowed=True),), window=1024)
    assert not fit(64, shape=windowed, parallel=4, split_cache=True).plan.split


def test_room_for_several_requests_is_given_up_first() -> None:
    found = fit(10, parallel=4)
    assert (found.plan.context_size, found.plan.cache_type) == (8192, "f16")
    assert 8192 <= found.plan.cells < 4 * 8192
    assert "requests at once share" in str(found)


def test_then_the_precision_of_the_cache_and_then_context() -> None:
    rooms = [fit(memory / 10) for memory in range(105, 70, -1)]
    plans = list(dict.fromkeys((one.plan.context_size, one.plan.cache_type) for one in rooms if one.fits))
    assert plans[:3] == [(8192, "f16"), (8192, "q8_0"), (4096, "q8_0")]
    assert not rooms[-1].fits


def test_what_was_chosen_never_takes_more_than_there_is() -> None:
    for memory in range(70, 200):
        for device in (0, 2, 4, 8, 12):
            found = fit(memory / 10, device=device, parallel=8)
            if found.fits:
                assert found.need.memory.total <= found.room.for_model
                assert found.need.device.total <= found.room.for_device or not found.plan.gpu_layers


def test_a_context_asked_for_by_number_is_never_made_smaller() -> None:
    found = fit(8.5, firm=True, context_size=32768)
    assert not found.fits
    assert found.plan.context_size == 32768
    error = refusal(SEVEN, Wishes(32768, firm=True), found)
    assert "--ctx-size" in error.remedy
    assert error.exit_code == 4


def test_a_model_that_is_too_large_names_the_computer_that_runs_it() -> None:
    found = fit(4)
    assert not found.fits
    error = refusal(SEVEN, Wishes(8192), found)
    assert "needs" in error.message
    assert f"with {machine_for(SEVEN)} GB of memory" in error.remedy
    assert choose(SEVEN, Wishes(1024), usual_room(machine_for(SEVEN))).fits


def test_a_graphics_card_gets_all_layers_or_as_many_as_it_holds() -> None:
    assert fit(16, device=24).plan.gpu_layers == 33
    some = fit(16, device=4)
    assert 0 < some.plan.gpu_layers < 33
    assert f"{some.plan.gpu_layers} of 33 layers fit on the graphics card" in some.given_up
    assert need(SEVEN, replace(some.plan, gpu_layers=some.plan.gpu_layers + 1)).device.total > some.room.for_device


def test_a_graphics_card_takes_larger_steps_where_nothing_gives_way_to_them() -> None:
    roomy = fit(16, device=24)
    assert (roomy.plan.batch, fit(16).plan.batch) == (WIDE_BATCH, 512)
    shared = choose(SEVEN, Wishes(8192), Room(24 * GB, 24 * GB, 24 * GB, 24 * GB, shared=True))
    assert shared.plan.gpu_layers == 33
    assert shared.plan.batch == 512
    usual = replace(roomy.plan, batch=512)
    between = (need(SEVEN, usual).device.total + roomy.need.device.total) // 2
    narrow = choose(SEVEN, Wishes(8192), Room(16 * GB, 16 * GB, int(between / 0.95) + 1, int(between / 0.95) + 1))
    assert narrow.plan == usual


def test_where_layers_stay_behind_steps_are_larger_still_if_few_more_do_for_their_sake() -> None:
    batches = set()
    for tenths in range(20, 80):
        found = fit(32, device=tenths / 10)
        if not 0 < found.plan.gpu_layers <= SEVEN.layers[0].count:
            continue
        usual = replace(found.plan, batch=512)
        more = next(
            n
            for n in range(33, 0, -1)
            if need(SEVEN, replace(usual, gpu_layers=n)).device.total <= found.room.for_device
        )
        assert 33 - found.plan.gpu_layers <= 1.1 * (33 - more)
        assert need(SEVEN, found.plan).device.total <= found.room.for_device
        batches.add(found.plan.batch)
    assert batches == {512, 1024, WIDER_BATCH}
    assert fit(32, device=4, gpu_layers=10).plan.batch == WIDER_BATCH


def test_more_experts_stay_behind_for_larger_steps_but_never_whole_layers() -> None:
    found = fit(64, device=16, shape=MIXTURE)
    assert found.plan.experts_on_cpu > 10
    assert found.plan.batch == WIDER_BATCH
    for tenths in range(25, 80):
        tight = fit(64, device=tenths / 10, shape=MIXTURE)
        if tight.plan.experts_on_cpu:
            assert tight.plan.gpu_layers == 33, "what every token needs stays on the card"


SMALL = replace(SEVEN, layers=(Layers(16, 10_000_000, keys=512, values=512),), width=1024, widest=4096)
"""A draft of half a billion: 0.5 GB with its tables."""


def test_a_draft_is_taken_along_where_all_of_both_fits_and_given_up_before_the_model_gives_anything_up() -> None:
    with_it = fit(64, parallel=4, draft=SMALL)
    assert with_it.plan == replace(fit(64, parallel=4).plan, draft=SMALL)
    assert with_it.need.memory.total > fit(64, parallel=4).need.memory.total + SMALL.weights
    found = [fit(memory / 20, draft=SMALL) for memory in range(280, 160, -1)]
    assert [one.plan.draft is not None for one in found] == sorted(one.plan.draft is not None for one in found)[::-1]
    for one in found:
        if one.plan.draft:
            assert (one.plan.context_size, one.plan.cache_type) == (8192, "f16")
            assert one.need.memory.total <= one.room.for_model
        else:
            assert "no draft model guesses ahead, for want of memory" in one.given_up or not one.fits


SEEING = replace(SEVEN, layers=(*SEVEN.layers, Layers(1, 150_000_000, keys=1024, values=1024, ahead=True)))
"""The same with a layer that guesses ahead."""


def test_a_layer_that_guesses_ahead_is_given_up_before_the_model_gives_anything_up() -> None:
    found = [fit(memory / 20, shape=SEEING, foresight=True) for memory in range(280, 160, -1)]
    assert [one.plan.foresight for one in found] == sorted((one.plan.foresight for one in found), reverse=True)
    assert {one.plan.foresight for one in found} == {True, False}
    for one in found:
        if one.plan.foresight:
            assert (one.plan.context_size, one.plan.cache_type) == (8192, "f16")
            assert one.need.memory.total <= one.room.for_model
            assert one.need.memory.total > need(SEEING, replace(one.plan, foresight=False)).memory.total + 150_000_000
        else:
            assert "its own layer does not guess ahead, for want of memory" in one.given_up or not one.fits


def test_a_layer_that_is_not_asked_to_guess_takes_nothing() -> None:
    assert fit(16, shape=SEEING).need == fit(16).need
    assert fit(16, device=24, shape=SEEING).plan.gpu_layers == 34
    assert fit(16, device=24, shape=SEEING).need == fit(16, device=24).need


def test_copies_of_states_for_taking_back_are_counted() -> None:
    state = Layers(24, 100_000_000, state=2_000_000)
    hybrid = replace(SEEING, layers=(state, *SEEING.layers[-1:]))
    seeing = fit(64, shape=hybrid, foresight=True)
    blind = fit(64, shape=hybrid)
    cells = 8192 * 2 * (1024 + 1024)
    assert seeing.need.memory.cache - blind.need.memory.cache == cells + 3 * 24 * 2_000_000 * STATE_BACK


def test_why_a_layer_does_not_guess_is_said() -> None:
    found = fit(16, shape=SEEING, blind="Nobody knows how.")
    assert not found.plan.foresight
    assert "its own layer does not guess ahead: Nobody knows how." in found.given_up


def test_on_a_graphics_card_a_draft_never_takes_a_layers_place() -> None:
    for tenths in range(20, 140):
        found, without = fit(32, device=tenths / 10, draft=SMALL), fit(32, device=tenths / 10)
        assert found.plan.gpu_layers == without.plan.gpu_layers
        if found.plan.draft:
            assert found.plan.gpu_layers == 33
            assert found.need.device.total <= found.room.for_device
    assert fit(32, device=14, draft=SMALL).plan.draft


def test_experts_stay_in_main_memory_before_whole_layers_do() -> None:
    found = fit(64, shape=MIXTURE, device=12)
    assert found.plan.gpu_layers == 33
    assert 0 < found.plan.experts_on_cpu <= 32
    assert "experts" in str(found)


def test_layers_asked_for_by_number_are_taken_at_their_word() -> None:
    assert fit(16, device=24, gpu_layers=5).plan.gpu_layers == 5
    assert fit(16, device=24, gpu_layers=0).plan.gpu_layers == 0


def test_a_device_without_memory_of_its_own_takes_main_memory() -> None:
    shared = Room(12 * GB, 16 * GB, 10 * GB, 10 * GB, shared=True)
    found = choose(SEVEN, Wishes(8192), shared)
    assert found.need.memory.total + found.need.device.total <= shared.for_model


@pytest.mark.parametrize("field", ["context_size", "parallel"])
def test_more_of_anything_takes_more(field: str) -> None:
    smaller, larger = Plan(2048, 2), replace(Plan(2048, 2), **{field: 4096 if field == "context_size" else 64})
    assert need(SEVEN, smaller).memory.total < need(SEVEN, larger).memory.total


def test_windows_cap_what_a_long_context_takes() -> None:
    windowed = replace(SEVEN, window=1024, layers=(Layers(32, 210_000_000, keys=1024, values=1024, windowed=True),))
    assert need(windowed, Plan(65536)).memory.cache == need(windowed, Plan(131072)).memory.cache
    assert need(SEVEN, Plan(131072)).memory.cache == 2 * need(SEVEN, Plan(65536)).memory.cache


def test_rearranged_weights_are_counted_beside_the_mapped_ones() -> None:
    plain, repacked = need(SEVEN, Plan(2048)).memory, need(SEVEN, Plan(2048, repack=True)).memory
    assert repacked.total - plain.total == 32 * 210_000_000
