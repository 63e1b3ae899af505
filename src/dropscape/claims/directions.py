"""What is paired along a run's principal directions and its Hessian's eigenvectors, one array for each seed."""

import math

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from pydantic import Field

from dropscape.claims.statistic import Run, RunStatistic, Tables
from dropscape.numerics.fits import power_law
from dropscape.schema import Sample

NUMERICALLY_ZERO = 1e-8  # of the largest eigenvalue: float32 resolves no more, and the rest belongs in no fit


class SampleStatistic(RunStatistic):
    """A statistic of one sample of the noise along directions."""

    sample: Sample = Field(description="Which sample of the noise.")


def variance_flatness(
    tables: Tables, run: Run, sample: str, leading: int | None = None, held_out: bool = False
) -> list[NDArray]:
    """(F, lambda) of every principal direction with defined values that are not zero (paper A, Fig. 2)."""
    groups = []
    for seed in sorted(set(tables.run_table(run, "interval")["seed"])):
        joined = with_widths(tables, run, sample, seed, 2.0)
        joined = joined[~joined["numerically_zero"] & (joined["index"] <= (leading or math.inf))]
        groups.append(positive(joined[["width", "held_out" if held_out else "variance"]]))
    return groups


def with_widths(tables: Tables, run: Run, sample: str, seed: int, factor: float) -> pd.DataFrame:
    """The variance of each principal direction beside its interval flatness for a pre-factor of the loss."""
    interval, spectrum = tables.run_table(run, "interval"), tables.run_table(run, "spectrum")
    widths = interval[(interval["sample"] == sample) & (interval["seed"] == seed) & (interval["factor"] == factor)]
    variances = spectrum[(spectrum["sample"] == sample) & (spectrum["seed"] == seed)]
    return widths.merge(variances, on=["sample", "seed", "index"], validate="one_to_one")


def projected_variance(tables: Tables, run: Run, sample: str, leading: int | None = None) -> list[NDArray]:
    """(eigenvalue, variance) of every eigenvector that is not numerically zero (paper A, Fig. 3)."""
    table = tables.run_table(run, "projection")
    groups = []
    for seed in sorted(set(table["seed"])):
        rows = table[(table["sample"] == sample) & (table["seed"] == seed)]
        rows = rows[rows["eigenvalue"] > NUMERICALLY_ZERO * rows["eigenvalue"].max()]
        rows = rows[rows["index"] <= (leading or math.inf)]
        groups.append(positive(rows[["eigenvalue", "variance"]]))
    return groups


def positive(rows: ArrayLike) -> NDArray:
    """The rows whose numbers are all finite and above 0."""
    rows = np.asarray(rows, dtype=float)
    return rows[(np.isfinite(rows) & (rows > 0)).all(axis=1)]


def r_squared(pairs: NDArray) -> float:
    """R^2 of the log-log fit of pairs (n, 2); NaN with fewer than three."""
    return power_law(pairs[:, 0], pairs[:, 1]).r_squared if len(pairs) > 2 else math.nan
