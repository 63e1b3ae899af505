"""How far neurons move from their initialisation, by the width of the network (paper D, Lemma 5.2)."""

import pandas as pd

from dropscape.figures import quantities, subnetworks
from dropscape.figures.content import FigureContent, Settings, TableFiles
from dropscape.subnetworks.slopes import NETWORK, at_last_step, distance_slopes

LARGEST, MEAN = "largest", "mean"
SLOPES = {LARGEST: "slope of the largest", MEAN: "slope of the mean"}
_KEYS = ["experiment", "width", "keep_prob"]


def table(figure: Settings, tables: TableFiles) -> FigureContent:
    """The distances |w_r,T - w_r,1| at the last iterate, and what the max-norm projection did.

    points: experiment, width, keep_prob, seed, quantity (``largest`` or ``mean`` over the neurons; ``SLOPES`` of their
    logs over log width, without a width), value, reason. summary: geometric mean and range over seeds; of the slopes
    mean and range. facts: ``trainings``; ``projected``, how many neurons were in all of them; ``norm_over_bound``, the
    max norm of a neuron at any recorded iterate over its bound c; ``distance_over_bound``, the largest distance over
    that of Lemma 5.2.
    """
    ends, slopes, relative, over_bound = [], [], [0.0], [0.0]
    for experiment in figure["experiments"]:
        distances = tables.experiment_table(experiment["name"], "distances").assign(experiment=experiment["name"])
        ends.append(at_last_step(distances))
        relative.append(float((distances["largest_norm"] / distances["bound"]).max()))
        margins = tables.experiment_table(experiment["name"], "margins")
        bounded = ends[-1].merge(margins[[*NETWORK, "distance_bound"]], on=NETWORK)
        over_bound.append(float((bounded["largest"] / bounded["distance_bound"]).max()))
        for column, name in SLOPES.items():
            fitted = distance_slopes(distances, column).assign(experiment=experiment["name"])
            slopes.append(quantities.long_form(fitted, {"slope": name}, ["experiment", "keep_prob", "seed"]))
    moved = [quantities.long_form(one, {LARGEST: LARGEST, MEAN: MEAN}, [*_KEYS, "seed"]) for one in ends]
    moved, slopes, end = (pd.concat(frames, ignore_index=True) for frames in (moved, slopes, ends))
    names = ("distances", "no neuron has moved", "fewer than three widths")
    facts = {"trainings": len(end), "projected": int(end["projected"].sum()), "norm_over_bound": max(relative)}
    facts["distance_over_bound"] = max(over_bound)
    return subnetworks.with_slopes(moved, slopes, [*_KEYS, "quantity"], names, **facts)
