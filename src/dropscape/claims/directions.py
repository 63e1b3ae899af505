"""What is paired along a run's principal directions and its Hessian's eigenvectors, one array for each seed."""

import math
from dataclasses import replace
from typing import Any, ClassVar, Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from pydantic import Field

from dropscape.claims.measured import Measured
from dropscape.claims.statistic import NotMeasuredError, Run, RunStatistic, Tables
from dropscape.numerics.fits import NUMERICALLY_ZERO, power_law
from dropscape.numerics.grids import represented

Directions = Literal["paper", "random"]
DIRECTIONS = (
    "`paper`: principal directions and eigenvectors, as the paper has it; `random`: as many random ones of the space "
    "in which the gradients vary, which neither noise nor curvature has chosen."
)
DirectionsOf = Literal["trajectory", "trajectory_quadratic", "trajectory_halves", "gradients"]
SAMPLE = (
    "Which sample of the noise. `trajectory_quadratic` is the trajectory without its parabola of the step; "
    "`trajectory_halves` has directions from the first half of its steps and held-out variances from the second one, "
    "each without its own parabola."
)


class SampleStatistic(RunStatistic):
    """A statistic of one sample of the noise along directions.

    Nothing is judged on a trajectory that is not stationary while it is sampled: its covariance is that of a path.
    """

    drift_table: ClassVar[str] = "drift"  # of the steps that are sampled

    sample: DirectionsOf = Field(description=SAMPLE)
    directions: Directions = Field("paper", description=DIRECTIONS)

    def _measured(self, *arguments: Any) -> Measured:
        measured = super()._measured(*arguments)
        if self.sample != "trajectory" or math.isnan(measured.value):
            return measured
        return replace(measured, void=drifting(*arguments, self.drift_table))


def drifting(tables: Tables, run: Run, table: str) -> str:
    """In what way the trajectory moves on in some seed while it is sampled; "" where it is stationary in all."""
    drift = tables.run_table(run, table)
    if drift["stationary"].all():
        return ""
    return (
        f"the trajectory is not stationary: a straight line explains {drift['linear_share'].max():.1%} of the sampled "
        f"variance and the loss falls by {drift['loss_fall'].max():.1%} over its steps"
    )


def variance_flatness(
    tables: Tables,
    run: Run,
    sample: str,
    directions: Directions,
    leading: int | None = None,
    held_out: bool = False,
    divergence: bool = False,
) -> list[NDArray]:
    """(F, lambda) of every principal direction with defined values that are not zero (paper A, Fig. 2).

    Of log-spaced directions each stands for the indices next to it, so that all indices weigh alike as the paper's do.
    The null pairs each variance with the flatness along a random direction.
    """
    groups = []
    columns = ["divergence_width" if divergence else "width", "held_out" if held_out else "variance"]
    for seed in sorted(set(tables.run_table(run, "interval")["seed"])):
        joined = with_widths(tables, run, sample, directions, seed, 2.0)
        groups.append(of_every_index(joined, columns, leading))
    return groups


def of_every_index(joined: pd.DataFrame, columns: list[str], leading: int | None = None) -> NDArray:
    """The columns of measured directions, each as often as it stands for an index; without what is zero or undefined.

    The indices are all up to the last measured one, or up to ``leading``.
    """
    total = min(leading or math.inf, joined["index"].max())
    joined = joined[joined["index"] <= total]
    counts = represented(joined["index"].to_numpy(), total)
    rows = np.column_stack([joined[columns], np.where(joined["numerically_zero"], 0, counts)])
    rows = positive(rows)
    return np.repeat(rows[:, :-1], rows[:, -1].astype(int), axis=0)


def with_widths(
    tables: Tables, run: Run, sample: str, directions: Directions, seed: int, factor: float
) -> pd.DataFrame:
    """The variance of each principal direction beside its interval flatness for a pre-factor of the loss."""
    interval, spectrum = tables.run_table(run, "interval"), tables.run_table(run, "spectrum")
    along = sample if directions == "paper" else directions
    if along not in set(interval["sample"]):
        raise NotMeasuredError(f"{run.name} has no flatness along {along} directions")
    widths = interval[(interval["sample"] == along) & (interval["seed"] == seed) & (interval["factor"] == factor)]
    variances = spectrum[(spectrum["sample"] == sample) & (spectrum["seed"] == seed)]
    return widths.drop(columns="sample").merge(variances, on=["seed", "index"], validate="one_to_one")


def projected_variance(
    tables: Tables, run: Run, sample: str, directions: Directions, leading: int | None = None
) -> list[NDArray]:
    """(eigenvalue, variance) of every eigenvector that is not numerically zero (paper A, Fig. 3).

    The null has the sample's variance along a random direction instead of each eigenvector.
    """
    table = tables.run_table(run, "projection")
    variance = "variance" if directions == "paper" else "variance_random"
    if variance not in table:
        raise NotMeasuredError(f"{run.name} has no variances along random directions")
    groups = []
    for seed in sorted(set(table["seed"])):
        rows = table[(table["sample"] == sample) & (table["seed"] == seed)]
        rows = rows[rows["eigenvalue"] > NUMERICALLY_ZERO * rows["eigenvalue"].max()]
        rows = rows[rows["index"] <= (leading or math.inf)]
        groups.append(positive(rows[["eigenvalue", variance]]))
    return groups


def positive(rows: ArrayLike) -> NDArray:
    """The rows whose numbers are all finite and above 0."""
    rows = np.asarray(rows, dtype=float)
    return rows[(np.isfinite(rows) & (rows > 0)).all(axis=1)]


def r_squared(pairs: NDArray) -> float:
    """R^2 of the log-log fit of pairs (n, 2); NaN with fewer than three."""
    return power_law(pairs[:, 0], pairs[:, 1]).r_squared if len(pairs) > 2 else math.nan
