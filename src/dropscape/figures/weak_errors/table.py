"""How far expectations along the equations are from dropout's, by learning rate (paper C, Fig. 1b and c)."""

import numpy as np
import pandas as pd

from dropscape.figures import quantities, simulations
from dropscape.figures.content import FigureContent, Settings, TableFiles, first_reason, rows_where
from dropscape.numerics.intervals import student
from dropscape.numerics.orders import (
    STANDARD_ERRORS,
    above_noise,
    convergence_order,
    largest_over_steps,
    slopes_of_repetitions,
)

_KEYS = ["panel", "curve", "learning_rate"]


def table(figure: Settings, tables: TableFiles) -> FigureContent:
    """Weak errors by learning rate, and the order of each curve of a panel.

    A panel is a method, a curve a keep probability; with ``compare: test_functions`` a panel is a test function and a
    curve a method. An error is the largest over the steps, or of ``few_trials`` the geometric mean over repetitions.

    points: panel, curve, learning_rate, norm, low and high (one standard error of its square below and above, or the
    smallest and the largest repetition), floor (the smallest norm that is told from the noise), limit (where it is
    hidden the norm is likely smaller), trials, reason. summary: slope of each panel and curve with 95 % bounds (from
    the greater of its standard errors by those of the norms and by the points' scatter, or over repetitions), points,
    hidden, and the ends of the fitted line x_low, y_low, x_high, y_high. facts: standard_errors (above 0, of the
    floor), trials, repetitions, compare, keep_prob, model, side and loss.
    """
    (settings,) = figure["experiments"]
    compare, keep_prob = figure["compare"], figure["keep_prob"]
    few = tables.experiment_table(settings["name"], "few_trials")
    if compare == "few_trials":
        points, summary = _of_few_trials(few.rename(columns={"method": "panel", "keep_prob": "curve"}))
    else:
        errors = largest_over_steps(tables.experiment_table(settings["name"], "weak_errors"))
        if compare == "test_functions":
            shown = rows_where(errors, keep_prob=keep_prob).rename(columns={"function": "panel", "method": "curve"})
        else:
            shown = rows_where(errors, function="mean").rename(columns={"method": "panel", "keep_prob": "curve"})
            shown = shown[shown["panel"].isin(["order_1", "order_2"])]
        points, summary = _of_many_trials(shown.sort_values(_KEYS, ignore_index=True))
    facts = {
        "standard_errors": STANDARD_ERRORS,
        "trials": sorted({int(count) for count in points["trials"]}),
        "repetitions": int(few["repetition"].nunique()),
        "compare": compare,
        "keep_prob": keep_prob,
    }
    return FigureContent.counted(points, summary, "errors", **facts, **simulations.inputs_and_loss(settings))


def _of_many_trials(errors: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Unbiased estimates of norms from many pairs of trials."""
    squared, error = errors["squared"].astype(float), errors["squared_error"].astype(float)
    seen = pd.Series(above_noise(squared, error), index=errors.index)
    tests = {quantities.NOT_FINITE: squared.isna(), f"within {STANDARD_ERRORS} standard errors of 0": ~seen}
    points = errors[_KEYS].assign(
        norm=np.sqrt(squared.where(seen)),
        low=np.sqrt((squared - error).where(seen)),
        high=np.sqrt((squared + error).where(seen)),
        floor=np.sqrt(STANDARD_ERRORS * error),
        limit=np.sqrt((squared.clip(lower=0) + STANDARD_ERRORS * error).where(~seen)),
        trials=errors["trials"],
        reason=first_reason(tests),
    )
    summary = []
    for key, rows in errors.groupby(["panel", "curve"]):
        found = convergence_order(rows["learning_rate"], rows["squared"], rows["squared_error"])
        used = rows["learning_rate"][above_noise(rows["squared"], rows["squared_error"])]
        line = _line(used, found.fit.slope, found.fit.intercept)
        counts = {"points": found.fit.points, "hidden": found.hidden}
        summary.append(_fitted(key, found.fit.slope, *found.bounds) | counts | line)
    return points, pd.DataFrame(summary)


def _of_few_trials(norms: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Norms of means of a few trials: their geometric means and ranges over repetitions."""
    logs = np.log10(norms["norm"]).groupby([norms[key] for key in _KEYS])
    found = 10 ** pd.DataFrame({"norm": logs.mean(), "low": logs.min(), "high": logs.max()})
    points = found.reset_index().assign(floor=np.nan, limit=np.nan, trials=norms["repetition"].nunique(), reason="")
    summary = []
    for key, rows in norms.groupby(["panel", "curve"]):
        slope, own = student(slopes_of_repetitions(rows)), rows_where(points, panel=key[0], curve=key[1])
        intercept = (np.log10(own["norm"]) - slope.value * np.log10(own["learning_rate"])).mean()
        line = _line(own["learning_rate"], slope.value, intercept)
        counts = {"points": len(own), "hidden": 0}
        summary.append(_fitted(key, slope.value, slope.low, slope.high) | counts | line)
    return points, pd.DataFrame(summary)


def _fitted(key: tuple, slope: float, low: float, high: float) -> dict:
    return dict(zip(("panel", "curve"), key, strict=True)) | {"slope": slope, "slope_low": low, "slope_high": high}


def _line(rates: pd.Series, slope: float, intercept: float) -> dict[str, float]:
    """The ends of the fitted line."""
    ends = {"x_low": rates.min(), "x_high": rates.max()}
    return ends | {end.replace("x", "y"): 10 ** (intercept + slope * np.log10(x)) for end, x in ends.items()}
