"""The statistics of claims on condensation, and on what it does to fit and test error (paper B, section VI)."""

import math

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dropscape.claims.comparisons import REDUCED, at_last_step, named_run, objective_of, over_seeds
from dropscape.claims.statistics import Measured, unmeasured
from dropscape.claims.tables import Run, Tables


def steps_to_level(
    tables: Tables,
    experiment: str,
    claim: str,
    run: str,
    other: str,
    level: float,
    other_experiment: str | None = None,
) -> Measured:
    """How many times as many steps another run needs until its loss is first below a level (paper B, Fig. 9a).

    The geometric mean over the seeds of both. Where the other run does not get there, its last step stands for the
    number of steps that it needs at least; where ``run`` does not, nothing is measured.
    """
    own = _first_below(tables, named_run(tables, experiment, run), level)
    theirs = _first_below(tables, named_run(tables, other_experiment or experiment, other), level)
    seeds = own.index.intersection(theirs.index)
    own, theirs = own.loc[seeds], theirs.loc[seeds]
    if own["step"].isna().any() or not len(seeds):
        return unmeasured(f"the loss of {run} stays above {level:g}")
    never = int(theirs["step"].isna().sum())
    steps = theirs["step"].fillna(theirs["last"])
    ratio = np.log(steps / own["step"]).to_numpy()[:, None]
    note = f"{own['step'].mean():,.0f} steps against {steps.mean():,.0f} of {other}"
    note += f", which does not get there with {never} of {len(steps)} seeds: at least so many" if never else ""
    return over_seeds(lambda rows: float(np.exp(rows.mean(axis=0)[0])), ratio, claim, experiment, note)


def generalisation_change(
    tables: Tables,
    experiment: str,
    claim: str,
    above: int,
    against: str,
    over: str = "mean",
    keep_prob: float | None = None,
) -> Measured:
    """Mean log10 of the test error with more than ``above`` training examples, compared (paper B, Fig. 8).

    With ``against`` ``no_dropout``, minus that of the trainings without dropout on as many examples; with
    ``fewer_examples``, minus that of the same keep probability on at most ``above`` examples. ``over`` reduces the
    keep probabilities below 1, or ``keep_prob`` names one.
    """
    errors = _log_errors(tables, experiment)
    keep_probs = sorted({key[1] for key in errors}) if keep_prob is None else [keep_prob]
    columns = []
    for one in keep_probs:
        if one == 1 and keep_prob is None:
            continue
        many = {count: values for (count, kept), values in errors.items() if kept == one and count > above}
        if against == "no_dropout":
            many = {count: values - errors[count, 1.0] for count, values in many.items() if (count, 1.0) in errors}
            fewer = [0.0]
        else:
            fewer = [values for (count, kept), values in errors.items() if kept == one and count <= above]
        if many and fewer:
            columns.append(np.mean(list(many.values()), axis=0) - np.mean(fewer, axis=0))
    if not columns:
        return unmeasured(f"no training on more than {above} examples has one to be compared with")
    rows = np.stack(columns, axis=1)
    note = f"{len(columns)} keep probabilities"
    return over_seeds(lambda rows: float(REDUCED[over](rows.mean(axis=0))), rows, claim, experiment, note)


def condensation_change(
    tables: Tables,
    experiment: str,
    claim: str,
    run: str,
    column: str,
    compare: str,
    against: str | None = None,
    layer: str | None = None,
) -> Measured:
    """A measure of condensation at the end of a run, compared (paper B, section VI): with its start or another run.

    ``column`` is one of the table of the condensation stage, ``compare`` takes the ``difference`` to the reference's
    mean or the ``ratio`` of the means. The reference is the end of the run ``against``, or the run's own first step.
    """
    own = _of_layer(tables, named_run(tables, experiment, run), column, layer)
    if against is None:
        reference = own.iloc[0]
    else:
        reference = _of_layer(tables, named_run(tables, experiment, against), column, layer).iloc[-1]
    rows = np.stack([own.iloc[-1].to_numpy(dtype=float), reference.to_numpy(dtype=float)], axis=1)[:, None]
    if np.isnan(rows).any():
        return unmeasured(f"{column} is not defined")

    def compared(rows: NDArray) -> float:
        one, other = rows.mean(axis=(0, 1))
        if compare == "difference":
            return float(one - other)
        return float(one / other) if other else math.nan

    one, other = rows.mean(axis=(0, 1))
    note = f"{one:.3g} against {other:.3g} of {against or 'its first step'}"
    return over_seeds(compared, rows, claim, experiment, note)


def _first_below(tables: Tables, run: Run, level: float) -> pd.DataFrame:
    """By seed the first recorded step with a loss below the level (NaN if there is none), and the last step."""
    history = tables.of_run("history", run)
    below = history[history["loss"] < level].groupby("seed")["step"].min()
    last = history.groupby("seed")["step"].max()
    return pd.DataFrame({"step": below.reindex(last.index), "last": last})


def _log_errors(tables: Tables, experiment: str) -> dict[tuple[int, float], NDArray]:
    """log10 of the test error by seed, for each number of examples and keep probability."""
    errors = {}
    for run in tables.runs_of(experiment):
        key = run.settings["train_examples"], 1.0 if objective_of(run) == "risk" else run.settings["keep_prob"]
        error = at_last_step(tables, run, "test_loss")
        errors[key] = np.log10(np.where(error > 0, error, math.nan))
    return errors


def _of_layer(tables: Tables, run: Run, column: str, layer: str | None) -> pd.DataFrame:
    """The column by step (in order) and seed, of the named layer or the table's first."""
    table = tables.of_run("condensation", run)
    rows = table[table["layer"] == (layer or table["layer"].iloc[0])]
    return rows.pivot_table(index="step", columns="seed", values=column, dropna=False).sort_index()
