"""What is measured of each training over what the lemmas of paper D's proofs bound it by (Lemmas 5.1, B.4 and B.5)."""

from typing import Literal

import numpy as np
from pydantic import Field

from dropscape.claims.measured import Measured, counted, unmeasured
from dropscape.claims.statistic import ExperimentStatistic, Tables
from dropscape.subnetworks.bounds import margin_deviation
from dropscape.subnetworks.slopes import NETWORK


class LemmaRatio(ExperimentStatistic):
    """The most of any training and recorded iterate over its bound by a lemma; above 1 it is a counter-example."""

    of: Literal["loss", "linearised", "margin"] = Field(
        description="`loss`: the mean loss of the steps (Lemma 5.1); `linearised`: the largest loss of the competitors "
        "under the linearised network (Lemma B.5); `margin`: how far the competitor's smallest margin is below gamma, "
        "over Hoeffding's bound (Lemma B.4)."
    )
    wrong: bool = Field(
        False,
        description="Whether a lemma is taken as it does not hold: `loss` without the competitor's distance from the "
        "beginning, `margin` with the competitor reversed.",
    )

    def measure(self, tables: Tables, experiment: str) -> Measured:
        """Measure it over all recorded iterates after the first step."""
        keys = [*NETWORK, "step"]
        radii = tables.experiment_table(experiment, "distances")[[*keys, "bound"]].rename(columns={"bound": "c"})
        margins = tables.experiment_table(experiment, "margins")[[*NETWORK, "gamma"]]
        errors = tables.experiment_table(experiment, "errors").merge(radii, on=keys).merge(margins, on=NETWORK)
        errors = errors[errors["step"] > 0]
        if self.of == "loss":
            measured, bound = errors["mean_loss"], errors["competitors_loss" if self.wrong else "loss_bound"]
        elif self.of == "linearised":
            measured, bound = errors["largest_linearised"], errors["c"] * np.sqrt(errors["width"]) / np.log(2) + 1
        else:
            smallest = -errors["largest_margin"] if self.wrong else errors["smallest_margin"]
            measured, bound = errors["gamma"] - smallest, margin_deviation(errors["width"], errors["step"])
        ratio = measured / bound
        if ratio.isna().all():
            return unmeasured("no competitor lies in the ball, so that there is no bound")
        at = errors.loc[ratio.idxmax()]
        note = f"{measured[ratio.idxmax()]:.3g} of {bound[ratio.idxmax()]:.3g} at width {at['width']:,.0f}, keep_prob "
        note += f"{at['keep_prob']:g}, iterate {at['step']:,.0f}"
        note += f"; {ratio[errors['step'] == errors['step'].max()].max():.3g} at the last iterate at most"
        return counted(ratio.max(), errors["seed"].nunique(), note)
