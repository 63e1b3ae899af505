"""Accuracies of full networks and of sub-networks, such as those that training visits (paper D, Fig. 1)."""

from dropscape.figures import quantities, subnetworks
from dropscape.figures.content import FigureContent, Settings, TableFiles


def table(figure: Settings, tables: TableFiles) -> FigureContent:
    """Test accuracy of the figure's ``networks``, such as f(.; W_t) and g(W_t; ., B_t), at every recorded iterate t.

    points: panel (from 0), width, dropped_share, run, step, network, value (mean over masks), reason. summary: mean
    over runs, low and high (a standard deviation, n - 1, below and above it; the mean alone of a single run), runs and
    undefined.
    """
    points = subnetworks.panel_accuracies(figure, tables, figure["networks"])
    keys = [key for key in points if key not in ("mask", "value")]
    points = points.groupby(keys, sort=False, as_index=False)["value"].mean()[[*keys[:-1], "value", keys[-1]]]
    summary = quantities.over_seeds(points, subnetworks.CURVE, count="runs")
    defined = points.assign(value=points["value"].where(points["reason"] == ""))
    deviation = defined.groupby(subnetworks.CURVE, sort=False)["value"].std().fillna(0).to_numpy()
    summary = summary.assign(low=summary["mean"] - deviation, high=summary["mean"] + deviation)
    columns = [*subnetworks.CURVE, "mean", "runs", "low", "high", "undefined"]
    return FigureContent.counted(points, summary[columns], "accuracies")
