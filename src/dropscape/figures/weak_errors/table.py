"""How far the equations' expected ends are from dropout's, by learning rate (paper C, Fig. 1b and c)."""

import numpy as np
import pandas as pd

from dropscape.figures import quantities, simulations
from dropscape.figures.content import FigureContent, Settings, TableFiles, first_reason
from dropscape.numerics.orders import STANDARD_ERRORS, above_noise, convergence_order

_KEYS = ["order", "keep_prob", "learning_rate"]


def table(figure: Settings, tables: TableFiles) -> FigureContent:
    """Norms of the differences of expectations with their standard errors, and one experiment's orders of convergence.

    points: order, keep_prob, learning_rate, norm, low and high (one standard error of its square below and above),
    floor (the smallest norm that is told from the noise), limit (where it is hidden the norm is likely smaller),
    trials, reason. summary: slope of each order and keep_prob with 95 % bounds (from the greater of its standard errors
    by those of the norms and by the points' scatter), points, hidden, and the ends of the fitted line x_low, y_low,
    x_high, y_high. facts: standard_errors (above 0, of the floor), trials, model, side and loss.
    """
    (settings,) = figure["experiments"]
    errors = tables.experiment_table(settings["name"], "weak_errors").sort_values(_KEYS, ignore_index=True)
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
    summary = pd.DataFrame([_fitted(key, rows) for key, rows in errors.groupby(["order", "keep_prob"])])
    facts = {"standard_errors": STANDARD_ERRORS, "trials": sorted({int(count) for count in errors["trials"]})}
    return FigureContent.counted(points, summary, "errors", **facts, **simulations.inputs_and_loss(settings))


def _fitted(key: tuple[int, float], rows: pd.DataFrame) -> dict[str, float]:
    """The slope of one order and keep_prob."""
    found = convergence_order(rows["learning_rate"], rows["squared"], rows["squared_error"])
    fit, (low, high) = found.fit, found.bounds
    used = rows["learning_rate"][above_noise(rows["squared"], rows["squared_error"])]
    ends = {"x_low": used.min(), "x_high": used.max()}
    heights = {end.replace("x", "y"): 10 ** (fit.intercept + fit.slope * np.log10(x)) for end, x in ends.items()}
    slope = {"slope": fit.slope, "slope_low": low, "slope_high": high, "points": fit.points, "hidden": found.hidden}
    return dict(zip(("order", "keep_prob"), key, strict=True)) | slope | ends | heights
