"""Recorded steps: ordered, distinct, within the training, with both ends."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from dropscape.numerics.schedules import even_schedule, recording_schedule

STEPS = st.integers(1, 200_000)


@given(STEPS, st.integers(3, 300))
def test_a_recording_schedule_holds_both_ends_and_at_most_count_steps(steps, count):
    schedule = recording_schedule(steps, count)
    assert schedule == sorted(set(schedule))
    assert (schedule[0], schedule[-1]) == (0, steps)
    assert len(schedule) <= count
    assert all(type(step) is int for step in schedule)


@given(STEPS)
def test_one_recorded_step_is_the_last(steps):
    assert recording_schedule(steps, 1) == [steps]


def test_two_recorded_steps_are_both_ends():
    assert recording_schedule(1000, 2) == [0, 1000]


@given(STEPS, st.integers(4, 300))
def test_the_first_step_is_recorded_and_no_gap_exceeds_the_even_half(steps, count):
    schedule = recording_schedule(steps, count)
    assert 1 in schedule
    assert max(np.diff(schedule)) <= np.ceil(steps / (count - count // 2 - 1)) + 1


def test_early_steps_are_dense_on_a_log_scale():
    schedule = recording_schedule(8000, 30)
    assert sum(step <= 100 for step in schedule) >= 8
    ratios = np.diff(np.log([step for step in schedule if step >= 10]))
    assert max(ratios) < 1.0


@given(STEPS, st.integers(2, 300))
def test_an_even_schedule_is_even(steps, count):
    schedule = even_schedule(steps, count)
    assert schedule == sorted(set(schedule))
    assert (schedule[0], schedule[-1]) == (0, steps)
    assert len(schedule) == min(count, steps + 1)
    gaps = np.diff(schedule)
    assert max(gaps) - min(gaps) <= 2, "rounding moves either end of a gap by at most half a step, ties by one more"


@given(STEPS)
def test_an_even_schedule_has_both_ends_even_if_asked_for_one_step(steps):
    assert even_schedule(steps, 1) == [0, steps]
