"""Trainings that are killed, and the comparison of their results."""

import pandas as pd
import torch


class Killed(Exception):
    """Stands for kill -9: nothing after it runs."""


def killed_at(step):
    """A progress function that kills the training after so many steps."""

    def progress(done, total, **values):
        if done >= step:
            raise Killed

    return progress


def assert_bit_identical(one, two):
    assert (one.trajectory is None) == (two.trajectory is None)
    assert one.trajectory is None or torch.equal(one.trajectory, two.trajectory)
    assert (one.objectives is None) == (two.objectives is None)
    assert one.objectives is None or torch.equal(one.objectives, two.objectives)
    for field in ("parameters", "trained", "snapshots"):
        first, second = getattr(one, field), getattr(two, field)
        assert set(first) == set(second)
        for name in first:
            assert torch.equal(first[name], second[name]), (field, name)
    pd.testing.assert_frame_equal(one.history, two.history, check_exact=True)
