"""Differences of test functions between dropout and what is to approximate it (paper C, Definition 1 and Fig. 1b, c).

Pairs of trials that share their first-order randomness (``dropscape.equations.draws``) differ less than independent
ones, and much less with the expansion of the test function in each trial's response to the noise taken off
(``dropscape.equations.test_functions``). Neither changes the expectation, up to the rounding of second differences.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from dropscape.equations.activations import activation_called
from dropscape.equations.network import Parameters, Sample
from dropscape.equations.responses import responses
from dropscape.equations.simulation import NOISELESS, Simulation, path
from dropscape.equations.test_functions import test_functions

Key = tuple[str, int, str]  # a method, a step and a test function


def weak_differences(
    dropout: Simulation,
    methods: Sequence[str],
    start: Parameters,
    train: Sample,
    trials: int,
    at: Sequence[int],
    *,
    coupled: bool = True,
    controlled: bool = True,
    batch: int = 500,
) -> Iterator[tuple[Key, Tensor]]:
    """g(Theta_N) - g(theta_N) of every method, step N in ``at`` and test function g, (trials, q) float64 each.

    One after the other, since all together take much memory. The rows of one key are independent, and their expectation
    is that of g(Theta_N) - g(theta_N), with either choice of both. Methods without noise have one trial, which is
    compared with all trials of dropout.

    Args:
        dropout: the settings of all methods but their own names.
        methods: names of other methods than dropout.
        start: of one trial, where all start.
        at: steps in their order.
        coupled: let the two of a pair share their first-order randomness.
        controlled: take the test functions' expansions off (with that the coupling changes little).
        batch: trials simulated together; part of the random numbers' keys.

    Raises:
        DivergenceError: a trial's parameters left the finite numbers.
        ConfigurationError: a batch cannot be shared among the equation's seeds.
    """
    activation = activation_called(dropout.activation)
    quiet = {
        method: list(path(replace(dropout, method=method), start, train, at))
        for method in methods
        if method in NOISELESS
    }
    noisy = [method for method in methods if method not in NOISELESS]
    rows: dict[Key, list[Tensor]] = defaultdict(list)
    alone: dict[tuple[int, str], dict[str, Tensor]] = {}
    for first in range(0, trials, batch):
        count = min(batch, trials - first)
        own = replace(dropout, purpose=f"{dropout.purpose}/{first}")
        # The equations of either order have the same normals.
        equation = replace(own, method="order_1", purpose=own.purpose if coupled else f"{own.purpose}/equation")
        simulations = [own, *(replace(equation, method=method) for method in noisy)]
        paths = [path(simulation, start.expanded(count), train, at) for simulation in simulations]
        of_noises = [responses(one, start, train, count, at) for one in (own, equation)]
        for index, step in enumerate(at):
            masked, *others = (next(one) for one in paths)
            (*of_masks, descent), (*of_normals, _) = (next(one) for one in of_noises)
            for name, function in test_functions(start, descent, train, activation).items():
                value = function.value(masked)
                linear, square = function.expansion(*of_masks) if controlled else (0.0, 0.0)
                taken_off = sum(function.expansion(*of_normals)) if controlled else 0.0
                for method, other in zip(noisy, others, strict=True):
                    rows[method, step, name].append(function.value(other) - taken_off - (value - linear - square))
                if quiet:
                    rows["dropout", step, name].append(value - linear)
                    alone[step, name] = {method: function.value(ends[index]) for method, ends in quiet.items()}
    for (method, step, name), parts in rows.items():
        together = torch.cat(parts)
        if method == "dropout":
            yield from (((other, step, name), value - together) for other, value in alone[step, name].items())
        else:
            yield (method, step, name), together
