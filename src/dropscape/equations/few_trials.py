"""The paper's own protocol: norms of differences of means of a few independent trials (paper C, Fig. 1b, c)."""

from collections.abc import Sequence
from dataclasses import replace

from torch import Tensor

from dropscape.equations.network import Parameters, Sample
from dropscape.equations.simulation import Simulation, simulate


def norms_of_means(
    dropout: Simulation, methods: Sequence[str], start: Parameters, train: Sample, trials: int, repetitions: int
) -> dict[str, Tensor]:
    """|mean Theta_T - mean theta_T| of each method, (repetitions,) float64, with independent noise for all.

    Means are over so many trials of either. The method ``dropout`` is compared with itself under other masks: what the
    norm is where the expectations are the same.

    Raises:
        DivergenceError: a trial's parameters left the finite numbers.
    """
    starts = start.expanded(trials * repetitions)

    def means(method: str, purpose: str) -> Tensor:
        own = replace(dropout, method=method, purpose=f"{dropout.purpose}/{purpose}")
        ends = simulate(own, starts, train).parameters.vectors().double()
        return ends.view(repetitions, trials, -1).mean(dim=1)

    reference = means("dropout", "reference")
    return {method: (means(method, method) - reference).norm(dim=1) for method in methods}
