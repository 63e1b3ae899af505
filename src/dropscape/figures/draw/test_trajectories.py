"""Draws test loss and accuracy along dropout, its equations and descent on the modified loss (paper C, Fig. 2)."""

from collections.abc import Mapping
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from dropscape.figures import style
from dropscape.figures.draw import methods
from dropscape.figures.tables.test_trajectories import ACCURACY, LOSS


def draw(points: pd.DataFrame, summary: pd.DataFrame, description: Mapping[str, Any]) -> Figure:
    """A row of loss and accuracy per point (learning rate, keep probability); arguments as tabled."""
    runs = list(dict.fromkeys(summary["run"]))
    figure, axes = style.grid(
        f"{description['place']}: test loss and accuracy",
        2,
        len(runs),
        1.8,
        style.legend_room(1),
        style.footer(
            description,
            methods.inputs_sentence(description),
            methods.trials_sentence(summary),
            "SME: stochastic modified equation; $L_S$: modified loss. Loss and accuracy on the test examples without "
            "dropout.",
            methods.BANDS,
            methods.diverged_sentence(description["diverged"], summary),
        ),
    )
    for (left, right), run in zip(axes, runs, strict=True):
        own = summary[summary["run"] == run]
        loss, accuracy = (own[own["quantity"] == quantity] for quantity in (LOSS, ACCURACY))
        accuracy = accuracy.assign(**{key: 100 * accuracy[key] for key in ("mean", "low", "high")})
        for panel, rows in ((left, loss), (right, accuracy)):
            methods.curves(panel, rows)
            if panel is left:
                methods.loss_axis(panel, rows)
            methods.crosses(panel, rows)
        left.set_title(methods.point_title(own), loc="left", pad=4)
        left.set_ylabel("test loss")
        right.set_ylabel("test accuracy [%]")
    entries = methods.handles(summary["method"]) + ([methods.cross()] if description["diverged"] else [])
    style.legend_below(axes[-1][0], [[entry] for entry in entries])
    return figure
