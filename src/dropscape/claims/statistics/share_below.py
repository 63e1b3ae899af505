"""How much of the training a method's mean lies below every trial of others (paper C, Fig. 2b)."""

from dataclasses import replace

import numpy as np
from pydantic import Field

from dropscape.claims.measured import Measured
from dropscape.claims.statistic import Tables
from dropscape.claims.trajectories import Column, Compared, Group, Means, TrajectoriesStatistic, mean_of_trials
from dropscape.equations.settings import Method
from dropscape.schema import KeepProb, Positive


class ShareBelow(TrajectoriesStatistic):
    """Share of the training in which a method's mean lies below every trial of others."""

    column: Column = Field("test_accuracy", description="What is compared.")
    learning_rate: Positive = Field(description="The learning rate.")
    keep_prob: KeepProb = Field(description="The keep probability.")
    method: Method = Field(description="The method.")
    others: list[Method] = Field(description="The others.", min_length=1)

    def measure(self, tables: Tables, experiment: str) -> Measured:
        """Measure it at the one setting; the note has the means along training."""
        methods = [self.method, *self.others]
        measured = self.weakest(tables, experiment, [methods], _share, "smallest")
        (compared,) = self.trajectories(tables, experiment, methods).values()
        values = [f"{compared.along(mean_of_trials(compared.trials[name])):.3g} of {name}" for name in methods]
        return replace(measured, note=f"{measured.note}; mean along training {', '.join(values)}")


def _share(compared: Compared, named: Group, means: Means) -> float:
    lowest = np.min([np.nanmin(compared.trials[other], axis=0) for other in named[1:]], axis=0)
    return compared.along(np.where(np.isnan(means[0]), np.nan, means[0] < lowest))
