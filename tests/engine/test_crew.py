"""As many threads as the machine really gives."""

from __future__ import annotations

from runtime.engine.worker.crew import Crew


def compute(crew: Crew, seconds: float, cores: float) -> list[int]:
    """Steps of 0.1 s on a machine that gives so many cores; how many threads there were."""
    seen = []
    for _ in range(round(seconds / 0.1)):
        crew.learn(0.1, 0.1 * min(crew.threads, cores))
        seen.append(crew.threads)
    return seen


def test_alone_on_the_machine_all_threads_compute_for_ever():
    assert set(compute(Crew(8), 100, cores=8)) == {8}


def test_with_others_there_are_soon_as_many_as_cores_given():
    seen = compute(Crew(8), 10, cores=3)
    assert seen[4] == 3
    assert set(seen[4:]) <= {3, 4, 5}
    assert seen[20:].count(3) > 0.8 * len(seen[20:])


def test_one_more_is_tried_ever_more_rarely_and_briefly():
    seen = compute(Crew(2), 100, cores=1)
    assert seen[20:].count(2) < 0.1 * len(seen)
    assert seen[20:].count(2) > 0


def test_when_the_others_have_gone_all_threads_compute_again():
    crew = Crew(4)
    compute(crew, 10, cores=1)
    compute(crew, 60, cores=4)
    assert crew.threads == 4


def test_a_busy_moment_costs_no_threads():
    crew = Crew(8)
    assert set(compute(crew, 0.2, cores=1) + compute(crew, 0.2, cores=8) + compute(crew, 0.2, cores=1)) == {8}


def test_half_a_busy_second_costs_threads_for_two_seconds_at_most():
    crew = Crew(8)
    compute(crew, 0.5, cores=1)
    assert crew.threads == 1
    assert compute(crew, 2, cores=8)[-1] == 8


def test_of_two_threads_the_second_comes_back_after_one_long_step():
    crew = Crew(2)
    for _ in range(2):
        crew.learn(0.4, 0.5)
    assert crew.threads == 1
    crew.learn(0.8, 0.8)
    assert crew.threads == 2


def test_there_is_always_one():
    crew = Crew(1)
    compute(crew, 10, cores=0.2)
    assert crew.threads == 1
