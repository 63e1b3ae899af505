"""The statistics of claims on sub-networks and on Algorithm 1 (paper D, sections 4 to 6).

They take the same arguments as those that compare trainings (``dropscape.claims.comparisons``) and read tables that an
experiment has as a whole. Runs, called seeds here, belong together: one of all widths and keep probabilities starts
from the same draws.
"""

import math

import pandas as pd
from numpy.typing import NDArray

from dropscape.claims.comparisons import REDUCED, over_seeds
from dropscape.claims.statistics import Measured, unmeasured
from dropscape.claims.tables import NotMeasured, Tables
from dropscape.subnetworks.slopes import at_last_step, distance_slopes, error_slopes

# Accuracies still rise at the start, and a single iterate's visited sub-network has a single mask.
LAST = 0.2  # share of the training, at its end, whose recorded iterates are averaged


def subnetwork_gap(
    tables: Tables,
    experiment: str,
    claim: str,
    network: str,
    over: str,
    keep_prob: float | None = None,
    widest: bool = False,
) -> Measured:
    """Accuracy of the full network minus that of its sub-networks, in percentage points (paper D, Fig. 1 and 2).

    Means over the recorded iterates in the last fifth of training, over masks and over runs. ``network`` is ``visited``
    or ``random``; ``over`` reduces the widths and dropped shares, of which ``keep_prob`` names one and ``widest`` takes
    the largest width alone.
    """
    late = _late(tables, experiment, network)
    gaps = late["full"] - late[network]
    if widest:
        gaps = gaps[[column for column in gaps if column[0] == max(gaps.columns.get_level_values("width"))]]
    if keep_prob is not None:
        gaps = gaps[[column for column in gaps if math.isclose(column[1], 1 - keep_prob, abs_tol=1e-9)]]
    if not gaps.shape[1]:
        return unmeasured(f"{experiment} has no networks of keep_prob {keep_prob:g}")
    full = late["full"][gaps.columns].to_numpy().mean()
    note = f"{_which(gaps.mean(), over, 'dropped share')}; full networks have {full:.1f} %"
    return over_seeds(lambda rows: float(REDUCED[over](rows.mean(axis=0))), gaps.to_numpy(), claim, experiment, note)


def subnetwork_gap_change(tables: Tables, experiment: str, claim: str, network: str, along: str) -> Measured:
    """How much the gap of ``subnetwork_gap`` grows from the least to the greatest ``width`` or ``dropped_share``.

    In percentage points, mean over the settings of the other one.
    """
    late = _late(tables, experiment, network)
    gaps = late["full"] - late[network]
    levels = sorted(set(gaps.columns.get_level_values(along)))
    if len(levels) < 2:
        return unmeasured(f"{experiment} has one {along.replace('_', ' ')}")
    one, other = (gaps.xs(level, axis=1, level=along) for level in (levels[0], levels[-1]))
    rows = (other - one).to_numpy()
    word = along.replace("_", " ")
    note = f"{one.to_numpy().mean():.2f} at {word} {levels[0]:,g}, {other.to_numpy().mean():.2f} at {levels[-1]:,g}"
    return over_seeds(lambda rows: float(rows.mean()), rows, claim, experiment, note)


def error_rate(tables: Tables, experiment: str, claim: str, network: str, over: str, widest: bool = False) -> Measured:
    """Slope of log mean error over log T in the last decade of iterates (paper D, Theorems 4.1 and 4.2).

    Of the ``full`` network or the ``visited`` sub-networks; the mean is over all iterates up to T. ``over`` reduces the
    widths and keep probabilities, or the keep probabilities at the largest width alone (``widest``), since the theorems
    are about wide networks.
    """
    errors = tables.of_experiment("errors", experiment)
    slopes = error_slopes(errors, f"mean_error_{network}")
    if widest:
        slopes = slopes[slopes["width"] == slopes["width"].max()]
    rows = slopes.pivot_table(index="seed", columns=["width", "keep_prob"], values="slope", dropna=False)
    if rows.isna().to_numpy().any():
        return unmeasured("a mean error is zero throughout the last decade")
    note = f"{_which(rows.mean(), over, 'keep_prob')}; T to {errors['step'].max():,}{_required(tables, experiment)}"
    return over_seeds(lambda rows: float(REDUCED[over](rows.mean(axis=0))), rows.to_numpy(), claim, experiment, note)


def distance_rate(tables: Tables, experiment: str, claim: str) -> Measured:
    """Minus the slope of the log largest distance from the initialisation over log width (paper D, Lemma 5.2).

    At the last iterate, mean over the keep probabilities.
    """
    distances = tables.of_experiment("distances", experiment)
    slopes = distance_slopes(distances)
    rows = slopes.pivot_table(index="seed", columns="keep_prob", values="slope", dropna=False)
    widths = sorted(set(distances["width"]))
    if rows.isna().to_numpy().any():
        return unmeasured(f"{len(widths)} widths; a slope needs three")
    mean = -distance_slopes(distances, "mean")["slope"].mean()
    note = f"{len(widths)} widths from {widths[0]:,} to {widths[-1]:,}; of the mean distance of the neurons {mean:.2f}"
    return over_seeds(lambda rows: -float(rows.mean()), rows.to_numpy(), claim, experiment, note)


def projections(tables: Tables, experiment: str, claim: str) -> Measured:
    """How many neurons the max-norm projection has moved, the most of any training (paper D, section 4).

    Bounds: the fewest and the most of the trainings.
    """
    distances = tables.of_experiment("distances", experiment)
    counts = at_last_step(distances)["projected"]
    norm = (distances["largest_norm"] / distances["bound"]).max()
    note = f"{len(counts)} trainings; the largest norm is {norm:.2g} of its bound"
    return Measured(float(counts.max()), float(counts.min()), float(counts.max()), len(counts), note)


def active_width_excess(tables: Tables, experiment: str, claim: str) -> Measured:
    """Active neurons beyond q m over as many as the bound allows, sqrt(2 m ln(T / delta)) (paper D, section 4).

    The most of all recorded iterates. Bounds: the least and the most of the trainings' largest.
    """
    training = ["width", "keep_prob", "seed"]
    errors = tables.of_experiment("errors", experiment)
    together = errors.merge(tables.of_experiment("margins", experiment)[[*training, "active_bound"]], on=training)
    expected = together["keep_prob"] * together["width"]
    together["excess"] = (together["active_width"] - expected) / (together["active_bound"] - expected)
    largest = together.groupby(training)["excess"].max()
    note = f"{len(together):,} masks of {len(largest)} trainings"
    return Measured(float(largest.max()), float(largest.min()), float(largest.max()), len(largest), note)


def _late(tables: Tables, experiment: str, network: str) -> pd.DataFrame:
    """Accuracies late in training in percent, means over iterates and masks.

    Returns:
        A row a run, a column for each network (full and ``network`` among them), width and dropped share.

    Raises:
        NotMeasured: the experiment has tested no such sub-networks.
    """
    accuracies = tables.of_experiment("accuracies", experiment)
    if network not in set(accuracies["network"]):
        raise NotMeasured(f"{experiment} has tested no {network} sub-networks")
    late = accuracies[accuracies["step"] >= (1 - LAST) * accuracies["step"].max()]
    # 1 - keep_prob has digits that say nothing.
    late = late.assign(dropped_share=late["dropped_share"].round(9), accuracy=100 * late["accuracy"])
    return late.pivot_table(index="run", columns=["network", "width", "dropped_share"], values="accuracy")


def _which(means: pd.Series, over: str, second: str) -> str:
    """Whose value is shown: means by width and a second key."""
    if over == "mean" and len(means) > 1:
        return f"mean of {len(means)} settings"
    width, other = means.idxmax() if over == "largest" else means.idxmin()
    return f"width {width:,}, {second} {other:g}"


def _required(tables: Tables, experiment: str) -> str:
    """The least width for which Theorem 4.1 is stated, where the margin is known."""
    widths: NDArray = tables.of_experiment("margins", experiment)["required_width"].dropna().to_numpy(dtype=float)
    return f"; the theorem is stated for widths from {widths.min():.1e}" if len(widths) else "; the margin is not known"
