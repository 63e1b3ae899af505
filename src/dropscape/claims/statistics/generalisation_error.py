"""How large the test error is with many training examples (paper B, Fig. 8)."""

from typing import Literal

import numpy as np
from pydantic import Field

from dropscape.claims.generalisation import log_errors
from dropscape.claims.measured import Measured, Reduced, counted, over_settings, unmeasured
from dropscape.claims.statistic import ExperimentStatistic, Tables
from dropscape.schema import Count, KeepProb


class GeneralisationError(ExperimentStatistic):
    """Mean log10 of the test error over the target's variance with many training examples, also compared."""

    above: Count = Field(description="More examples than this are many.")
    of: Literal["networks", "interpolant"] = Field(
        "networks", description="`networks`, or the straight lines between the training points (`interpolant`)."
    )
    against: Literal["no_dropout", "interpolant"] | None = Field(
        None, description="What the networks are compared with, on as many examples; null: their error itself."
    )
    over: Reduced = Field("mean", description="Which of the keep probabilities' values is meant.")
    keep_prob: KeepProb | None = Field(None, description="One keep probability; null means all below 1.")

    def measure(self, tables: Tables, experiment: str) -> Measured:
        """Measure the mean over the numbers of examples of each keep probability."""
        networks, interpolants = log_errors(tables, experiment)
        lines = {count: error for count, error in interpolants.items() if count > self.above}
        if self.of == "interpolant" and lines:
            return counted(np.mean(list(lines.values())), len(lines), "", "number of examples")
        without = networks.get(1.0, {})
        reference = {None: dict.fromkeys(lines, 0.0), "interpolant": lines, "no_dropout": without}[self.against]
        columns = []
        for keep_prob in sorted(set(networks) - {1.0}) if self.keep_prob is None else [self.keep_prob]:
            counts = [count for count in networks.get(keep_prob, {}) if count in lines and count in reference]
            if counts:
                columns.append(np.mean([networks[keep_prob][count] - reference[count] for count in counts], axis=0))
        if not columns:
            return unmeasured(f"no training on more than {self.above} examples has one to be compared with")
        counts = ", ".join(map(str, sorted(lines)))
        return over_settings(np.stack(columns, axis=1), self.over, f"keep probabilities: {len(columns)}; n = {counts}")
