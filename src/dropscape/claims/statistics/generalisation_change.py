"""How the test error falls with many training examples (paper B, Fig. 8)."""

import math
from typing import Literal

import numpy as np
from pydantic import Field

from dropscape.claims.measured import Measured, Reduced, over_settings, unmeasured
from dropscape.claims.statistic import ExperimentStatistic, Tables, other_seeds
from dropscape.schema import Count, KeepProb


class GeneralisationChange(ExperimentStatistic):
    """Mean log10 of the test error on many training examples, compared."""

    above: Count = Field(description="More examples than this are many.")
    against: Literal["no_dropout", "fewer_examples"] = Field(
        description="`no_dropout`: trainings without dropout on as many examples; `fewer_examples`: trainings with the "
        "same keep probability on fewer examples."
    )
    over: Reduced = Field("mean", description="Which of the keep probabilities' values is meant.")
    keep_prob: KeepProb | None = Field(None, description="One keep probability; null means all below 1.")

    def measure(self, tables: Tables, experiment: str) -> Measured:
        """Measure the mean minus that of the trainings that it is compared with."""
        errors = {}  # log10 by seed, for each number of examples and keep probability
        for run in tables.experiment_runs(experiment):
            key = run.settings["train_examples"], 1.0 if run.objective == "risk" else run.settings["keep_prob"]
            error = tables.at_end_of_training(run, "test_loss")
            errors[key] = np.log10(np.where(error > 0, error, math.nan))
        all_below_one = sorted({keep_prob for _, keep_prob in errors} - {1.0})
        columns = []
        for keep_prob in all_below_one if self.keep_prob is None else [self.keep_prob]:
            by_count = {count: values for (count, kept), values in errors.items() if kept == keep_prob}
            many = {count: values for count, values in by_count.items() if count > self.above}
            if self.against == "no_dropout":
                plain = {count: values for (count, kept), values in errors.items() if kept == 1}
                if keep_prob == 1:  # meets its own other seeds
                    plain = {count: other_seeds(values) for count, values in plain.items()}
                many = {count: values - plain[count] for count, values in many.items() if count in plain}
                fewer = [0.0]
            else:
                fewer = [values for count, values in by_count.items() if count <= self.above]
            if many and fewer:
                columns.append(np.mean(list(many.values()), axis=0) - np.mean(fewer, axis=0))
        if not columns:
            return unmeasured(f"no training on more than {self.above} examples has one to be compared with")
        note = f"{len(columns)} keep probabilities"
        return over_settings(np.stack(columns, axis=1), self.over, note)
