"""What is paired along a run's principal directions and its Hessian's eigenvectors, one array for each seed."""

import math
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from pydantic import Field

from dropscape.claims.statistic import NotMeasuredError, Run, RunStatistic, Tables
from dropscape.numerics.fits import NUMERICALLY_ZERO, power_law
from dropscape.schema import Sample

Directions = Literal["paper", "random"]
DIRECTIONS = (
    "`paper`: principal directions and eigenvectors, as the paper has it; `random`: as many random ones of the space "
    "in which the gradients vary, which neither noise nor curvature has chosen."
)


class SampleStatistic(RunStatistic):
    """A statistic of one sample of the noise along directions."""

    sample: Sample = Field(description="Which sample of the noise.")
    directions: Directions = Field("paper", description=DIRECTIONS)


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

    The null pairs each variance with the flatness along a random direction.
    """
    groups = []
    for seed in sorted(set(tables.run_table(run, "interval")["seed"])):
        joined = with_widths(tables, run, sample, directions, seed, 2.0)
        joined = joined[~joined["numerically_zero"] & (joined["index"] <= (leading or math.inf))]
        width = "divergence_width" if divergence else "width"
        groups.append(positive(joined[[width, "held_out" if held_out else "variance"]]))
    return groups


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
