"""The statistics of claims on what trainings on different objectives reach (paper B, sections V and VII.C)."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from dropscape.claims.comparisons import REDUCED, at_last_step, objective_of, over_seeds
from dropscape.claims.statistics import Measured, unmeasured
from dropscape.claims.tables import NotMeasured, Run, Tables


def accuracy_difference(
    tables: Tables, experiment: str, claim: str, first: str, second: str, learning_rate: float | None = None
) -> Measured:
    """Largest distance of the mean test accuracies of two objectives over the keep probabilities (paper B, Fig. 2a).

    In percentage points, between runs of the same keep probability and learning rate.
    """
    pairs = _pairs(tables, experiment, first, second, learning_rate)
    accuracy = [100 * _at_end(tables, pair, "test_accuracy") for pair in pairs]
    gaps = [abs(values.mean(axis=0)[0] - values.mean(axis=0)[1]) for values in accuracy]
    note = _note(pairs, accuracy, int(np.argmax(gaps)), "{:.1f} %")
    differences = np.stack([values[:, 0] - values[:, 1] for values in accuracy], axis=1)
    return over_seeds(lambda rows: float(np.abs(rows.mean(axis=0)).max()), differences, claim, experiment, note)


def term_difference(
    tables: Tables,
    experiment: str,
    claim: str,
    term: str,
    first: str,
    second: str,
    learning_rate: float | None = None,
) -> Measured:
    """Largest relative difference of R_S (``loss``) or R_1 (``r1``) of two objectives (paper B, Fig. 2b).

    |a - b| over the mean of a and b, means over seeds at the end of training, largest over the keep probabilities.
    """
    pairs = _pairs(tables, experiment, first, second, learning_rate)
    values = [_at_end(tables, pair, term) for pair in pairs]

    def relative(rows: NDArray) -> NDArray:
        means = rows.mean(axis=0)
        return 2 * np.abs(means[:, 0] - means[:, 1]) / (means[:, 0] + means[:, 1])

    rows = np.stack(values, axis=1)
    note = _note(pairs, values, int(np.argmax(relative(rows))), "{:.3g}")
    return over_seeds(lambda rows: float(relative(rows).max()), rows, claim, experiment, note)


def accuracy_advantage(
    tables: Tables,
    experiment: str,
    claim: str,
    first: str,
    second: str,
    over: str,
    learning_rate: float | None = None,
) -> Measured:
    """Test accuracy on one objective minus that on another, in percentage points (paper B, Fig. 2a and Fig. 13).

    ``over`` says which of the keep probabilities' means is meant: the ``smallest``, their ``mean`` or the ``largest``.
    """
    pairs = _pairs(tables, experiment, first, second, learning_rate)
    accuracy = [100 * _at_end(tables, pair, "test_accuracy") for pair in pairs]
    gains = np.stack([values[:, 0] - values[:, 1] for values in accuracy], axis=1)
    place = int(np.argmax(gains.mean(axis=0)) if over == "largest" else np.argmin(gains.mean(axis=0)))
    note = f"over {len(pairs)} pairs of runs" if over == "mean" else _note(pairs, accuracy, place, "{:.1f} %")
    return over_seeds(lambda rows: float(REDUCED[over](rows.mean(axis=0))), gains, claim, experiment, note)


def rate_to_penalty(tables: Tables, experiment: str, claim: str) -> Measured:
    """The learning rate of dropout's best test accuracy over the penalty of the penalised one's (paper B, Fig. 3a)."""
    rates, penalties = _varied(tables, experiment)
    rows = _at_end(tables, [*rates.values(), *penalties.values()], "test_accuracy")

    def best(rows: NDArray) -> tuple[float, float]:
        means = rows.mean(axis=0)
        return (
            list(rates)[int(np.argmax(means[: len(rates)]))],
            list(penalties)[int(np.argmax(means[len(rates) :]))],
        )

    rate, penalty = best(rows)
    note = f"learning rate {rate:g} of {len(rates)}, penalty {penalty:g} of {len(penalties)}"
    return over_seeds(lambda rows: best(rows)[0] / best(rows)[1], rows, claim, experiment, note)


def ratio_difference(tables: Tables, experiment: str, claim: str) -> Measured:
    """Largest factor between E R^drop / E |grad R^drop|^2 at a learning rate and at the same penalty.

    Paper B, Fig. 3b. The factor is at least 1; means over seeds are geometric.
    """
    rates, penalties = _varied(tables, experiment)
    common = [value for value in rates if value in penalties]
    if not common:
        return unmeasured("no learning rate is also a penalty")
    logarithms = np.stack(
        [
            np.stack([np.log(_column(tables, "ratios", one, "ratio")) for one in (rates[value], penalties[value])], 1)
            for value in common
        ],
        axis=1,
    )

    def factor(rows: NDArray) -> float:
        means = rows.mean(axis=0)
        return float(np.exp(np.abs(means[:, 0] - means[:, 1]).max()))

    note = f"at {len(common)} values from {min(common):g} to {max(common):g}"
    return over_seeds(factor, logarithms, claim, experiment, note)


def interpolation_barrier(tables: Tables, experiment: str, claim: str, first: str, second: str) -> Measured:
    """How far the loss between two objectives' end points rises above the higher of them (paper B, Fig. 14a, b).

    The largest of the keep probabilities' means over seeds, in units of the loss; 0 where no barrier is.
    """
    paths = _between(tables, experiment, first, second)
    heights = np.stack([losses.max(axis=1) - losses[:, [0, -1]].max(axis=1) for _, losses in paths.values()], axis=1)
    highest = int(heights.mean(axis=0).argmax())
    note = f"largest of {len(paths)} pairs between {' and '.join(list(paths)[highest])}"
    return over_seeds(lambda rows: float(rows.mean(axis=0).max()), heights, claim, experiment, note)


def interpolation_flatness(tables: Tables, experiment: str, claim: str, first: str, second: str) -> Measured:
    """How much more the loss bends at the second objective's end points than at the first's (paper B, Fig. 14c-f).

    At either end a parabola is fitted (least squares) to the quarter of the path there; c is its second derivative by
    alpha. The value is (c_second - c_first) / (|c_second| + |c_first|), means over seeds, mean over the pairs: 1 where
    only the second end is bent, 0 where both are alike.
    """
    paths = _between(tables, experiment, first, second)
    bends = np.stack([_bends(alphas, losses) for alphas, losses in paths.values()], axis=1)

    def relative(rows: NDArray) -> float:
        one, other = rows.mean(axis=0).T
        return float(((other - one) / (np.abs(other) + np.abs(one))).mean())

    one, other = bends.mean(axis=(0, 1))
    note = f"{len(paths)} pairs; mean second derivatives {one:.3g} and {other:.3g}"
    return over_seeds(relative, bends, claim, experiment, note)


def _pairs(
    tables: Tables, experiment: str, first: str, second: str, learning_rate: float | None
) -> list[tuple[Run, Run]]:
    """Runs on the two objectives with the same learning rate and keep probability; the risk's is that of any other.

    Raises:
        NotMeasured: there is no pair.
    """
    runs = tables.runs_of(experiment)
    pairs = []
    for one in (run for run in runs if objective_of(run) == first):
        rate = one.settings["learning_rate"]
        partners = [run for run in runs if objective_of(run) == second and run.settings["learning_rate"] == rate]
        same = [run for run in partners if run.settings["keep_prob"] == one.settings["keep_prob"]]
        chosen = same or (partners if "risk" in (first, second) else [])
        if chosen and learning_rate in (None, rate):
            pairs += [(one, other) for other in (chosen if first == "risk" else chosen[:1])]
    if not pairs:
        raise NotMeasured(f"{experiment} has no runs on {first} and {second} to compare")
    return pairs


def _varied(tables: Tables, experiment: str) -> tuple[dict[float, Run], dict[float, Run]]:
    """The runs under dropout by learning rate and the penalised ones by penalty.

    Raises:
        NotMeasured: there are none of either.
    """
    runs = tables.runs_of(experiment)
    rates = {run.settings["learning_rate"]: run for run in runs if objective_of(run) == "dropout"}
    penalties = {
        run.settings["penalty"] or run.settings["learning_rate"]: run
        for run in runs
        if objective_of(run) == "dropout_plus_r2"
    }
    if not rates or not penalties:
        raise NotMeasured(f"{experiment} has no runs on dropout and dropout_plus_r2 to compare")
    return dict(sorted(rates.items())), dict(sorted(penalties.items()))


def _column(tables: Tables, kind: str, run: Run, column: str) -> NDArray:
    """A column of a table with one row a seed, in the order of the seeds."""
    return tables.of_run(kind, run).sort_values("seed")[column].to_numpy(dtype=float)


def _at_end(tables: Tables, runs: Sequence[Run], column: str) -> NDArray:
    """(S, len(runs)): a column of each run's history at its last step."""
    return np.stack([at_last_step(tables, run, column) for run in runs], axis=1)


def _note(pairs: Sequence[tuple[Run, Run]], values: Sequence[NDArray], place: int, pattern: str) -> str:
    one, other = pairs[place]
    means = [pattern.format(value) for value in values[place].mean(axis=0)]
    return f"of {len(pairs)} pairs {one.name} and {other.name}: {means[0]} against {means[1]}"


def _between(
    tables: Tables, experiment: str, first: str, second: str
) -> dict[tuple[str, str], tuple[NDArray, NDArray]]:
    """By pair of runs on the two objectives, alphas (K,) and losses (S, K), the first objective's end at 0.

    Raises:
        NotMeasured: no pair was measured.
    """
    objectives = {run.name: objective_of(run) for run in tables.runs_of(experiment)}
    table = tables.of_experiment("interpolations", experiment)
    paths = {}
    for (one, other), rows in table.groupby(["first", "second"], sort=False):
        losses = rows.pivot_table(index="seed", columns="alpha", values="loss", dropna=False)
        if (objectives[one], objectives[other]) == (first, second):
            paths[one, other] = losses.columns.to_numpy(), losses.to_numpy()
        elif (objectives[one], objectives[other]) == (second, first):
            paths[other, one] = 1 - losses.columns.to_numpy()[::-1], losses.to_numpy()[:, ::-1]
    if not paths:
        raise NotMeasured(f"{experiment} has no losses between end points on {first} and {second}")
    return paths


def _bends(alphas: NDArray, losses: NDArray) -> NDArray:
    """(S, 2): second derivatives of the parabolas through the first and the last quarter of each path."""
    bends = []
    for near in (alphas <= 0.25, alphas >= 0.75):
        bends.append(2 * np.polyfit(alphas[near], losses[:, near].T, 2)[0])
    return np.stack(bends, axis=1)
