"""How much of the training a method's mean lies below every trial of others (paper C, Fig. 2b)."""

from dataclasses import replace

import numpy as np
from pydantic import Field

from dropscape.claims.measured import Measured
from dropscape.claims.statistic import Tables
from dropscape.claims.trajectories import Column, Compared, Group, TrajectoriesStatistic, Values
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
        values = [f"{compared.along(compared.trials[name].mean(axis=0)):.3g} of {name}" for name in methods]
        return replace(measured, note=f"{measured.note}; mean along training {', '.join(values)}")


def _share(compared: Compared, named: Group, trials: Values) -> float:
    # The lowest trials, which one that is left out can only raise, stay.
    lowest = np.min([compared.trials[other].min(axis=0) for other in named[1:]], axis=0)
    return compared.along(trials[0].mean(axis=0) < lowest)
