"""The training loss along dropout and its stochastic modified equations (paper C, Fig. 1a and appendix C)."""

from dataclasses import replace
from typing import get_args

import pandas as pd

from dropscape.equations.settings import Method
from dropscape.figures import simulations
from dropscape.figures.content import FigureContent, Settings, TableFiles

LOSS, DIFFERENCE = "loss", "loss minus dropout's"


def table(figure: Settings, tables: TableFiles) -> FigureContent:
    """The risk R_S without dropout of all methods; arguments and columns as in ``simulations``.

    Also its difference to that of dropout from the same start, without the trials that diverge with any method, whose
    loss is arbitrarily large before; low and high of its summary are two standard errors from the mean.
    """
    content = simulations.simulations(figure, tables, get_args(Method), {"loss": LOSS})
    differences = _differences(content.points)
    points, summary = [content.points, differences], [content.summary, _means(differences)]
    return replace(content, points=pd.concat(points, ignore_index=True), summary=pd.concat(summary, ignore_index=True))


def _differences(points: pd.DataFrame) -> pd.DataFrame:
    of_dropout, trial = points["method"] == "dropout", [*simulations.POINT, "seed", "trial"]
    keys = [*trial, "step"]
    paired = points[~of_dropout].merge(points.loc[of_dropout, [*keys, "value"]], on=keys, suffixes=("", "_dropout"))
    differences = paired.assign(quantity=DIFFERENCE, value=paired["value"] - paired.pop("value_dropout"))
    lost = differences.assign(lost=differences["value"].isna()).groupby(trial)["lost"].transform("any")
    return differences.assign(reason=differences["reason"].mask(lost, simulations.DIVERGED))


def _means(differences: pd.DataFrame) -> pd.DataFrame:
    defined = differences.assign(value=differences["value"].where(differences["reason"] == ""))
    values = defined.groupby([*simulations.POINT, "method", "quantity", "step"], sort=False)["value"]
    found = values.agg(mean="mean", error="sem", trials="count", rows="size").reset_index()
    margin = 2 * found.pop("error").fillna(0)
    return found.assign(
        low=found["mean"] - margin, high=found["mean"] + margin, undefined=found.pop("rows") - found["trials"]
    )
