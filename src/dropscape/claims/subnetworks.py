"""Accuracies of full networks and of their sub-networks late in training, by setting (paper D, section 6)."""

import pandas as pd
from pydantic import Field

from dropscape.claims.measured import Reduced
from dropscape.claims.statistic import ExperimentStatistic, NotMeasuredError, Tables
from dropscape.subnetworks.settings import Tested

# Accuracies still rise at the start, and a single iterate's visited sub-network has a single mask.
LAST = 0.2  # share of the training, at its end, whose recorded iterates are averaged


class SubnetworksStatistic(ExperimentStatistic):
    """A statistic that compares networks with each other, such as full networks with their sub-networks."""

    network: Tested = Field(
        description="`visited`, `random`: sub-networks; `pruned`: what magnitude pruning keeps; those of the "
        "experiment's `compared` trainings end in its name."
    )
    reference: Tested = Field("full", description="With which it is compared.")

    def accuracies(self, tables: Tables, experiment: str) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Late accuracies of ``reference`` in percent, and by how much they are above those of ``network``.

        They are means over iterates and masks, with a row a run and a column for each width and dropped share;
        NotMeasuredError if the experiment has tested no such networks.
        """
        accuracies = tables.experiment_table(experiment, "accuracies")
        for network in (self.network, self.reference):
            if network not in set(accuracies["network"]):
                raise NotMeasuredError(f"{experiment} has tested no networks '{network}'")
        late = accuracies[accuracies["step"] >= (1 - LAST) * accuracies["step"].max()]
        # 1 - keep_prob has digits that say nothing.
        late = late.assign(dropped_share=late["dropped_share"].round(9), accuracy=100 * late["accuracy"])
        late = late.pivot_table(index="run", columns=["network", "width", "dropped_share"], values="accuracy")
        # What is compared may be so at some of the widths only.
        return late[self.reference], (late[self.reference] - late[self.network]).dropna(axis="columns", how="all")


def which_setting(means: pd.Series, over: Reduced, second: str) -> str:
    """Which setting's value is shown, of means by width and a second key."""
    if over == "mean" and len(means) > 1:
        return f"mean of {len(means)} settings"
    width, other = means.idxmax() if over == "largest" else means.idxmin()
    return f"width {width:,}, {second} {other:g}"
