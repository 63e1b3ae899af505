"""Lemma 1 and eq. (6) of paper B on random networks of two hidden units and two examples, over all masks."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial

import pandas as pd
import torch
from torch import Tensor

from dropscape.numerics.seeds import torch_generator
from dropscape.theory.modified_flow import Dropout, flow, mean_epoch, mean_iterate

UNITS, KEEP_PROB = 2, 0.5  # all masks are equally likely, so that an epoch can have one of each
INPUTS, TARGETS = (-1.0, 0.5), (1.0, -0.5)
MASK_MODES = ("shared", "per_example")
# By flow the loss that it descends at a learning rate.
FLOWS: dict[str, Callable[[Dropout, float], Callable[[Tensor], Tensor]]] = {
    "risk_plus_r1": lambda dropout, rate: dropout.risk_plus_r1,
    "with_r2": lambda dropout, rate: partial(dropout.with_r2, rate=rate),
    "with_square": lambda dropout, rate: partial(dropout.with_square, rate=rate),
}


def table(
    networks: int, learning_rates: Sequence[float], flow_time: float, steps: Sequence[int], seed: int
) -> pd.DataFrame:
    """One row per (masks, iterate, learning rate, flow, network); all float64.

    The networks' parameters are standard normal.

    Returns:
        The columns

        - ``masks``: ``shared`` by the examples, or ``per_example``. ``network``: index from 0.
        - ``iterate``: of which the mean over all masks is taken: ``step``, after one step at each of the
          ``learning_rates``; ``time``, after each number of ``steps``, which take ``flow_time``; ``epoch``, after one
          step with each of the shared masks in random order, at each of the ``learning_rates``.
        - ``steps``, ``learning_rate``: so many of that size.
        - ``flow``: ``risk_plus_r1``, that of R_S + R_1; ``with_r2``, of R_S + R_1 + R_2; ``with_square``, of R_S + R_1
          + (learning rate/4) |grad (R_S + R_1)|^2.
        - ``error``: the distance of the mean iterate from the end of the flow after the same time.
        - ``lemma1_error``: |E R_S^drop - R_S - R_1| / E R_S^drop at the start. ``error_without_r1``: the same
          without R_1.
    """
    generator = torch_generator(seed, "theory", "modified flow")
    theta = torch.randn(networks, 3 * UNITS + 1, generator=generator, dtype=torch.float64)
    x, y = (torch.tensor(values, dtype=torch.float64) for values in (INPUTS, TARGETS))
    frames = []
    for mask_mode in MASK_MODES:
        dropout = Dropout.of(x, y, UNITS, KEEP_PROB, mask_mode)
        expected, risk, r1_too = (of(theta) for of in (dropout.mean_risk, dropout.risk, dropout.risk_plus_r1))
        start = {"lemma1_error": (expected - r1_too).abs() / expected, "error_without_r1": (expected - risk) / expected}
        for iterate, taken, rate, mean in _means(dropout, theta, learning_rates, flow_time, steps):
            for name, loss in FLOWS.items():
                end = flow(loss(dropout, rate), theta, taken * rate)
                row = {"masks": mask_mode, "iterate": iterate, "steps": taken, "learning_rate": rate, "flow": name}
                frames.append(
                    pd.DataFrame(row | {"network": range(networks), "error": (mean - end).norm(dim=1)} | start)
                )
    return pd.concat(frames, ignore_index=True)


def _means(
    dropout: Dropout, theta: Tensor, rates: Sequence[float], flow_time: float, steps: Sequence[int]
) -> Iterator[tuple[str, int, float, Tensor]]:
    """Yield kind of iterate, steps, learning rate and mean iterates (N, P)."""
    for rate in rates:
        yield "step", 1, rate, mean_iterate(dropout, theta, rate, 1)
    for count in steps:
        yield "time", count, flow_time / count, mean_iterate(dropout, theta, flow_time / count, count)
    if len(dropout.masks) == 2**UNITS:
        for rate in rates:
            yield "epoch", len(dropout.masks), rate, mean_epoch(dropout, theta, rate)
