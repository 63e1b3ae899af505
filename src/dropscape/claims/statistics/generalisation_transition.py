"""At how many training examples the test error falls most (paper B, Fig. 8)."""

import numpy as np
from pydantic import Field

from dropscape.claims.generalisation import log_errors
from dropscape.claims.measured import Measured, over_seeds, unmeasured
from dropscape.claims.statistic import ExperimentStatistic, Tables
from dropscape.schema import Count, KeepProb


class GeneralisationTransition(ExperimentStatistic):
    """By how much more the log10 test error falls right after a number of examples than at the largest other fall."""

    at: Count = Field(description="The number of training examples.")
    keep_prob: KeepProb | None = Field(None, description="One keep probability; null: the mean over all below 1.")

    def measure(self, tables: Tables, experiment: str) -> Measured:
        """Measure the falls for each added example, between neighbours on the grid, seed by seed."""
        networks, _ = log_errors(tables, experiment)
        kept = sorted(set(networks) - {1.0}) if self.keep_prob is None else [self.keep_prob]
        counts = sorted(set.intersection(*(set(networks.get(each, {})) for each in kept))) if kept else []
        if self.at not in counts[:-1] or len(counts) < 3:
            return unmeasured(f"the grid has no training on {self.at} examples between two others")
        errors = np.mean([[networks[each][count] for count in counts] for each in kept], axis=0)  # (counts, S)
        falls = -np.diff(errors, axis=0) / np.diff(counts)[:, None]
        place = counts.index(self.at)
        means = falls.mean(axis=1)
        largest = int(means.argmax())
        note = f"largest from {counts[largest]} to {counts[largest + 1]} examples: {means[largest]:.3g} for each"
        return over_seeds(falls[place] - np.delete(falls, place, axis=0).max(axis=0), note)
