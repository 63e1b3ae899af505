"""How many times wider slices of the loss are at the end point with dropout than without (paper A, Fig. 1)."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dropscape.claims.statistic import NotMeasuredError, Run, Tables


def log_widening(tables: Tables, run: Run, rise: float | None, moved: str) -> NDArray:
    """Log of how many times wider they are, (S, directions), NaN where one of the two has no width.

    NotMeasuredError: there are no such slices, or it is the training without dropout.

    Args:
        tables: those of the runs.
        run: the run.
        rise: of the loss, which ends a slice; None: the judged one.
        moved: what the directions move.
    """
    plain = tables.without_dropout(run)
    one, other = (
        np.log(_rows(tables, each, rise, moved).pivot_table("half_width", "seed", "direction", dropna=False))
        for each in (run, plain)
    )
    return one.to_numpy() - other.to_numpy()


def _rows(tables: Tables, run: Run, rise: float | None, moved: str) -> pd.DataFrame:
    rows = tables.run_table(run, "slice_widths")
    rise = rows.loc[rows["judged"], "rise"].iloc[0] if rise is None else rise
    rows = rows[np.isclose(rows["rise"], rise) & (rows["moved"] == moved)]
    if rows.empty:
        raise NotMeasuredError(f"{run.name} has no slices at a rise of {rise:g} that move {moved}")
    return rows
