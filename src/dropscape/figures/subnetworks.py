"""What the figures of networks and their sub-networks share (paper D)."""

from collections.abc import Sequence
from typing import Any

import pandas as pd

from dropscape.figures.content import FigureContent, Settings, TableFiles, count_undefined
from dropscape.figures.quantities import long_form, over_seeds, require_positive

PANEL = ["width", "dropped_share"]
CURVE = ["panel", *PANEL, "network", "step"]
FULL, VISITED, RANDOM = "full", "visited", "random"
_DIGITS = 9  # 1 - keep_prob has digits that say nothing; without them a share finds its panel


def panel_accuracies(figure: Settings, tables: TableFiles, networks: Sequence[str]) -> pd.DataFrame:
    """The accuracies of the networks, some of ``FULL``, ``VISITED`` and ``RANDOM``, in the panels, in their order.

    The figure's ``panels`` are the width and keep_prob of each (None: all that were trained). Returns panel (from 0),
    width, dropped_share, run, step, network, mask, value, reason.
    """
    (settings,) = figure["experiments"]
    accuracies = tables.experiment_table(settings["name"], "accuracies")
    accuracies = accuracies[accuracies["network"].isin(networks)].round({"dropped_share": _DIGITS})
    panels = accuracies[PANEL].drop_duplicates().sort_values(PANEL, ignore_index=True)
    if figure["panels"]:
        wanted = [(panel["width"], round(1 - panel["keep_prob"], _DIGITS)) for panel in figure["panels"]]
        panels = pd.DataFrame(wanted, columns=PANEL)
    panels = panels.rename_axis("panel").reset_index()
    points = panels.merge(accuracies, on=PANEL)
    keys = ["panel", *PANEL, "run", "step", "network", "mask"]
    return long_form(points, {"accuracy": "accuracy"}, keys).drop(columns="quantity")


def with_slopes(
    values: pd.DataFrame, slopes: pd.DataFrame, keys: Sequence[str], names: Sequence[str], **facts: Any
) -> FigureContent:
    """Values on logarithmic axes and the slopes through them, both in long form.

    A mean over seeds has the ``keys`` in common, of the slopes those that they have. The names are what the footer
    calls the values; why one that is not positive is left out, and why a slope is.
    """
    of, not_positive, too_few = names
    values = require_positive(values, not_positive)
    slopes = slopes.assign(reason=slopes["reason"].mask(slopes["reason"] != "", too_few))
    summary = [over_seeds(values, keys, geometric=True), over_seeds(slopes, [key for key in keys if key in slopes])]
    undefined = [count_undefined(of, values["reason"]), count_undefined("slopes", slopes["reason"])]
    points = pd.concat([values, slopes], ignore_index=True)
    return FigureContent(points, pd.concat(summary, ignore_index=True), undefined, facts)
