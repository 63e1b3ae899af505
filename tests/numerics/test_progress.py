"""Progress lines: few, with step, value and time left."""

import io
import re

import pytest

from dropscape.numerics import progress
from dropscape.numerics.progress import Progress, duration


@pytest.fixture
def clock(monkeypatch):
    """Seconds that a test sets."""

    class Clock:
        now = 100.0

    monkeypatch.setattr(progress.time, "monotonic", lambda: Clock.now)
    return Clock


def lines_of(total, steps, clock, seconds_per_step=0.0, **values):
    stream = io.StringIO()
    report = Progress("training mnist/run", total, stream)
    for step in steps:
        clock.now += seconds_per_step
        report(step, **values)
    return stream.getvalue().splitlines()


@pytest.mark.parametrize("total", [40, 1000, 12_345])
def test_one_line_per_five_per_cent_and_the_last(total, clock):
    lines = lines_of(total, range(1, total + 1), clock)
    assert 19 <= len(lines) <= 21
    assert f"step {total}/{total} (100 %)" in lines[-1]


def test_a_short_job_has_a_line_per_step(clock):
    assert len(lines_of(4, range(1, 5), clock)) == 3, "all but the first, which starts the clock"


def test_a_line_names_job_step_values_and_time_left(clock):
    lines = lines_of(1000, range(1, 1001), clock, 0.5, loss=0.31234, held_out=1e-9)
    # 50 steps after the first call, half a second each; 949 are left.
    assert lines[0] == "training mnist/run: step 51/1000 (5 %), loss 0.3123, held out 1e-09, 7 min 54 s left"
    assert lines[-1].endswith(", 0 s left")


def test_time_left_is_reckoned_from_where_a_job_goes_on(clock):
    lines = lines_of(1000, range(801, 1001), clock, 1.0)
    assert lines[0] == "training mnist/run: goes on from step 801/1000"
    assert lines[1] == "training mnist/run: step 851/1000 (85 %), 2 min 29 s left"


def test_lines_go_to_standard_error(clock, capsys):
    report = Progress("noise", 2)
    report(1)
    report(2)
    out, err = capsys.readouterr()
    assert out == "" and re.fullmatch(r"noise: step 2/2 \(100 %\), 0 s left\n", err)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (59.4, "59 s"),
        (59.6, "1 min 00 s"),
        (130, "2 min 10 s"),
        (3599.6, "1 h 00 min"),
        (11_100, "3 h 05 min"),
        (360_000, "100 h 00 min"),
    ],
)
def test_durations_are_for_people(seconds, text):
    assert duration(seconds) == text
