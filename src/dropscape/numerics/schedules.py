"""At which steps of a training something is recorded."""

import numpy as np


def recording_schedule(steps: int, count: int) -> list[int]:
    """Choose at most ``count`` distinct steps from 0 to ``steps``, both included.

    Half of them are log-spaced, because the first hundred steps change most, and half evenly spaced, to see the rest of
    training too.
    """
    if count <= 1:
        return [steps]
    even = np.linspace(0, steps, max(2, count - count // 2))
    early = np.geomspace(1, max(steps, 1), count - len(even) + 1)[:-1]
    return sorted({min(round(step), steps) for step in np.concatenate([even, early])})


def even_schedule(steps: int, count: int) -> list[int]:
    """Choose at most ``count`` distinct, evenly spaced steps from 0 to ``steps``, both included."""
    return sorted({round(step) for step in np.linspace(0, steps, max(count, 2))})
