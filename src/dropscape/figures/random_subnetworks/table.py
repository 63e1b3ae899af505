"""Accuracies of full networks and of random sub-networks that stay fixed along training (paper D, Fig. 2)."""

from dropscape.figures import quantities, subnetworks
from dropscape.figures.content import FigureContent, Settings, TableFiles, rows_where


def table(figure: Settings, tables: TableFiles) -> FigureContent:
    """Test accuracy of the full network f(.; W_t) and of g(W_t; ., B_1), g(W_t; ., B_2), ... at recorded iterates t.

    points: panel (from 0), width, dropped_share, run, step, network (full or random), mask, value, reason. summary:
    mean, min and max over runs and masks, networks and undefined.
    """
    points = subnetworks.panel_accuracies(figure, tables, [subnetworks.FULL, subnetworks.RANDOM])
    summary = quantities.over_seeds(points, subnetworks.CURVE, count="networks")
    masks = int(rows_where(points, network=subnetworks.RANDOM)["mask"].nunique())
    return FigureContent.counted(points, summary, "accuracies", masks=masks)
