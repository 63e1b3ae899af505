"""The statistics of claims on one run: a value with bounds.

Each takes the tables, a run, the claim's name (for its bootstrap draws) and the arguments that
``config/claims.yaml`` gives. Bounds are 95 % percentile bootstrap bounds over seeds and, within a seed, over
directions or steps, unless said otherwise. Several seeds count equally: a value is the mean over seeds.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from dropscape.claims.tables import Run, Tables
from dropscape.numerics.fits import power_law, spearman
from dropscape.numerics.intervals import bootstrap_interval

NUMERICALLY_ZERO = 1e-8  # of the largest eigenvalue: float32 resolves no more, and the rest belongs in no fit
REPLICATES = 500


@dataclass(frozen=True)
class Measured:
    """A statistic of one run: value, bounds, how many points it rests on and what a reader should know."""

    value: float
    low: float
    high: float
    points: int
    note: str = ""


def variance_flatness_rank(
    tables: Tables, run: Run, claim: str, sample: str, leading: int | None = None, held_out: bool = False
) -> Measured:
    """Spearman's rank correlation of principal variance and interval flatness (paper A, Fig. 2)."""
    groups = _variance_flatness(tables, run, sample, leading, held_out)
    return _bootstrapped(spearman, groups, claim, run)


def variance_flatness_power(tables: Tables, run: Run, claim: str, sample: str) -> Measured:
    """R^2 of the log-log fit of principal variance against interval flatness (paper A, section 6.1)."""
    return _bootstrapped(_r_squared, _variance_flatness(tables, run, sample), claim, run)


def projected_variance_rank(tables: Tables, run: Run, claim: str, sample: str, leading: int | None = None) -> Measured:
    """Spearman's rank correlation of Hessian eigenvalue and projected variance (paper A, Fig. 3)."""
    return _bootstrapped(spearman, _projected_variance(tables, run, sample, leading), claim, run)


def projected_variance_power(tables: Tables, run: Run, claim: str, sample: str) -> Measured:
    """R^2 of the log-log fit of projected variance against Hessian eigenvalue (paper A, section 6.2)."""
    return _bootstrapped(_r_squared, _projected_variance(tables, run, sample), claim, run)


def gradients_more_linear(tables: Tables, run: Run, claim: str, relation: str) -> Measured:
    """R^2 with gradient samples minus R^2 with trajectory samples, in log-log (paper A, end of section 6.2).

    ``relation`` is ``variance_flatness`` or ``projected_variance``. The two samples are resampled independently.
    """
    pairs = {"variance_flatness": _variance_flatness, "projected_variance": _projected_variance}[relation]
    both = {sample: pairs(tables, run, sample) for sample in ("gradients", "trajectory")}
    groups = []
    for gradients, trajectory in zip(both["gradients"], both["trajectory"], strict=True):
        tagged = [
            np.column_stack([np.full(len(rows), tag), rows]) for tag, rows in ((1.0, gradients), (0.0, trajectory))
        ]
        groups.append(np.concatenate(tagged))

    def difference(rows: NDArray) -> float:
        return _r_squared(rows[rows[:, 0] == 1, 1:]) - _r_squared(rows[rows[:, 0] == 0, 1:])

    return _bootstrapped(difference, groups, claim, run)


def factor_sensitivity(tables: Tables, run: Run, claim: str, sample: str) -> Measured:
    """Largest relative change of the log-log slope when another pre-factor replaces 2 (paper A, Definition 2)."""
    interval = tables.of_run("interval", run)
    factors = sorted(set(interval["factor"]) - {2.0})
    if not factors or 2.0 not in set(interval["factor"]):
        return unmeasured("flatness.factors needs 2 and another factor")
    groups = []
    for seed in _seeds(interval):
        columns = [_joined(tables, run, sample, seed, factor) for factor in (2.0, *factors)]
        variance = columns[0]["variance"].to_numpy()
        rows = np.column_stack([variance, *(column["width"].to_numpy() for column in columns)])
        groups.append(rows[np.isfinite(rows).all(axis=1) & (rows > 0).all(axis=1)])

    def change(rows: NDArray) -> float:
        slopes = [power_law(rows[:, k], rows[:, 0]).slope for k in range(1, rows.shape[1])]
        return max(abs(slope / slopes[0] - 1) for slope in slopes[1:])

    return _bootstrapped(change, groups, claim, run)


def trace_ratio(tables: Tables, run: Run, claim: str, over_steps: str) -> Measured:
    """Tr(H Sigma) / Tr(H Sigma-bar) along training: its ``minimum`` or ``median`` over steps (paper A, Fig. 4).

    With several tentative keep probabilities the smallest of theirs. Bounds: the smallest and the largest of the
    seeds.
    """
    table = tables.of_run("alignment", run)
    ratio = table["trace_h_sigma"] / table["trace_h_isotropic"]
    if ratio.isna().all():
        return unmeasured("no ratio is defined")
    reduced = {"minimum": "min", "median": "median"}[over_steps]
    per_seed = ratio.groupby([table["keep_prob"], table["seed"]]).agg(reduced)
    weakest = per_seed.groupby("keep_prob").mean().idxmin()
    values = per_seed.loc[weakest]
    where = table.loc[ratio.idxmin()]
    note = f"keep_prob {weakest:g}; the smallest single ratio is at step {where['step']:.0f}"
    return Measured(float(values.mean()), float(values.min()), float(values.max()), table["step"].nunique(), note)


def cosine_minimum(tables: Tables, run: Run, claim: str, estimate: str) -> Measured:
    """The smallest cosine of Hessian and covariance over the recorded steps (paper C, Fig. 3a).

    ``estimate`` is ``cosine``, the paper's, or ``cosine_unbiased``. Bounds: smallest and largest of the seeds.
    """
    table = tables.of_run("alignment", run)
    undefined = int(table[estimate].isna().sum())
    if undefined == len(table):
        return unmeasured("no cosine is defined")
    per_seed = table.groupby("seed")[estimate].min()
    where = table.loc[table[estimate].idxmin()]
    note = f"smallest at step {where['step']:.0f}" + (f"; {undefined} undefined" if undefined else "")
    return Measured(float(per_seed.mean()), float(per_seed.min()), float(per_seed.max()), table["step"].nunique(), note)


def cosine_settles(tables: Tables, run: Run, claim: str, estimate: str, threshold: float) -> Measured:
    """The first recorded step from which the cosine stays above ``threshold``; infinite if it ends below it.

    Bounds: smallest and largest of the seeds.
    """
    table = tables.of_run("alignment", run).sort_values("step")
    steps = []
    for _, rows in table.groupby("seed"):
        below = rows[~(rows[estimate] > threshold)]
        later = rows[rows["step"] > below["step"].max()] if len(below) else rows
        steps.append(float(later["step"].min()) if len(later) else math.inf)
    last = int(table["step"].max())
    return Measured(float(np.mean(steps)), min(steps), max(steps), table["step"].nunique(), f"of {last} steps")


def baseline_cosine(tables: Tables, run: Run, claim: str, eigenvectors: str) -> Measured:
    """Mean cosine of random matrices with the run's spectra (paper C, section 5.3); normal 95 % bounds of the mean."""
    table = tables.of_run("baseline", run)
    cosines = table[table["eigenvectors"] == eigenvectors]["cosine"]
    margin = 1.96 * cosines.std(ddof=1) / math.sqrt(len(cosines))
    mean = float(cosines.mean())
    note = f"closed form for orthonormal eigenvectors: {table['expected'].iloc[0]:.3g}"
    return Measured(mean, mean - float(margin), mean + float(margin), len(cosines), note)


def slice_widening(tables: Tables, run: Run, claim: str) -> Measured:
    """How many times wider the loss's slices are at the end point with dropout than without (paper A, Fig. 1).

    The geometric mean over random directions, the two end points in the same directions. A direction in which
    either does not rise far enough has no width and is left out, which speaks against the flatter one.
    """
    plain = tables.without_dropout(run)
    both = [tables.of_run("slice_widths", one).set_index(["seed", "direction"])["half_width"] for one in (run, plain)]
    ratio = np.log(both[0] / both[1])
    missing = int(ratio.isna().sum())
    ratio = ratio.dropna()
    groups = [rows.to_numpy()[:, None] for _, rows in ratio.groupby("seed")]
    measured = _bootstrapped(lambda rows: float(rows.mean()), groups, claim, run)
    bounds = [math.exp(value) for value in (measured.value, measured.low, measured.high)]
    note = f"against {plain.name}" + (f"; {missing} of {missing + len(ratio)} directions left out" if missing else "")
    return Measured(*bounds, measured.points, note)


def accuracy_gain(tables: Tables, run: Run, claim: str) -> Measured:
    """Test accuracy at the end of training with dropout minus that without (paper A, Fig. 1; paper B, Table I).

    In percentage points. Bounds: the smallest and the largest of the seeds, which start from the same parameters.
    """
    plain = tables.without_dropout(run)
    last = [
        tables.of_run("history", one).sort_values("step").groupby("seed")["test_accuracy"].last() * 100
        for one in (run, plain)
    ]
    gain = last[0] - last[1]
    note = f"{last[0].mean():.1f} % against {last[1].mean():.1f} % of {plain.name}"
    if len(gain) == 1:
        return Measured(float(gain.iloc[0]), math.nan, math.nan, 1, f"{note}; one seed, no interval")
    return Measured(float(gain.mean()), float(gain.min()), float(gain.max()), len(gain), note)


def theory_error(tables: Tables, study: str, claim: str, table: str, column: str, where: Mapping[str, str]) -> Measured:
    """Median over networks and keep probabilities of an error column of a theory table; the note has the largest.

    Single networks can be far off where their covariance nearly vanishes, so a mean would say little.
    """
    values = _theory(tables, study, table, where)[column].dropna().to_numpy(dtype=float)
    if not len(values):
        return unmeasured("no defined point")
    median = bootstrap_interval(np.median, [values], seed=0, purpose=claim, replicates=REPLICATES)
    return Measured(median.value, median.low, median.high, len(values), f"largest {values.max():.3g}")


def theory_share(tables: Tables, study: str, claim: str, table: str, column: str, where: Mapping[str, str]) -> Measured:
    """Share of the networks for which a statement holds; exact (Clopper-Pearson) 95 % bounds."""
    values = _theory(tables, study, table, where)[column].dropna()
    count, total = int((values.astype(str) == "True").sum()), len(values)
    if not total:
        return unmeasured("no defined point")
    bounds = stats.binomtest(count, total).proportion_ci(method="exact")
    return Measured(count / total, float(bounds.low), float(bounds.high), total)


PER_RUN: dict[str, Callable[..., Measured]] = {
    function.__name__: function
    for function in (
        variance_flatness_rank,
        variance_flatness_power,
        projected_variance_rank,
        projected_variance_power,
        gradients_more_linear,
        factor_sensitivity,
        trace_ratio,
        cosine_minimum,
        cosine_settles,
        baseline_cosine,
        slice_widening,
        accuracy_gain,
    )
}
OF_THEORY: dict[str, Callable[..., Measured]] = {
    function.__name__: function for function in (theory_error, theory_share)
}


def unmeasured(why: str) -> Measured:
    """A statistic that has no value, and why."""
    return Measured(math.nan, math.nan, math.nan, 0, why)


def _bootstrapped(statistic: Callable[[NDArray], float], groups: Sequence[NDArray], claim: str, run: Run) -> Measured:
    points = sum(len(group) for group in groups)
    groups = [group for group in groups if len(group)]
    if not groups:
        return unmeasured("no defined point")
    interval = bootstrap_interval(
        statistic, groups, seed=0, purpose=f"{claim}/{run.experiment}/{run.name}", replicates=REPLICATES
    )
    return Measured(interval.value, interval.low, interval.high, points)


def _r_squared(rows: NDArray) -> float:
    return power_law(rows[:, 0], rows[:, 1]).r_squared if len(rows) > 2 else math.nan


def _seeds(table: pd.DataFrame) -> list[int]:
    return sorted(set(table["seed"]))


def _joined(tables: Tables, run: Run, sample: str, seed: int, factor: float) -> pd.DataFrame:
    interval, spectrum = tables.of_run("interval", run), tables.of_run("spectrum", run)
    widths = interval[(interval["sample"] == sample) & (interval["seed"] == seed) & (interval["factor"] == factor)]
    variances = spectrum[(spectrum["sample"] == sample) & (spectrum["seed"] == seed)]
    return widths.merge(variances, on=["sample", "seed", "index"], validate="one_to_one")


def _variance_flatness(
    tables: Tables, run: Run, sample: str, leading: int | None = None, held_out: bool = False
) -> list[NDArray]:
    """(F, lambda) of every direction with defined, non-zero values, one array per seed."""
    groups = []
    for seed in _seeds(tables.of_run("interval", run)):
        joined = _joined(tables, run, sample, seed, 2.0)
        joined = joined[~joined["numerically_zero"]]
        if leading:
            joined = joined[joined["index"] <= leading]
        pairs = joined[["width", "held_out" if held_out else "variance"]].to_numpy(dtype=float)
        groups.append(pairs[np.isfinite(pairs).all(axis=1) & (pairs > 0).all(axis=1)])
    return groups


def _projected_variance(tables: Tables, run: Run, sample: str, leading: int | None = None) -> list[NDArray]:
    """(eigenvalue, variance) of every eigenvector that is not numerically zero, one array per seed."""
    table = tables.of_run("projection", run)
    groups = []
    for seed in _seeds(table):
        rows = table[(table["sample"] == sample) & (table["seed"] == seed)]
        rows = rows[rows["eigenvalue"] > NUMERICALLY_ZERO * rows["eigenvalue"].max()]
        if leading:
            rows = rows[rows["index"] <= leading]
        pairs = rows[["eigenvalue", "variance"]].to_numpy(dtype=float)
        groups.append(pairs[(pairs > 0).all(axis=1)])
    return groups


def _theory(tables: Tables, study: str, table: str, where: Mapping[str, str]) -> pd.DataFrame:
    rows = tables.of_theory(study, table)
    for column, value in where.items():
        rows = rows[rows[column] == value]
    return rows
