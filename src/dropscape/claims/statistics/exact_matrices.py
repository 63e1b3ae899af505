"""What exact matrices of noise and curvature say along dropout (paper C, section 5 and appendix B)."""

from dataclasses import replace
from typing import Literal

from pydantic import Field

from dropscape.claims.measured import Measured, over_settings
from dropscape.claims.statistic import ExperimentStatistic, NotMeasuredError, Tables
from dropscape.claims.trajectories import trial_names
from dropscape.numerics.intervals import Scale


class ExactMatrices(ExperimentStatistic):
    """A number of the Hessian of L_S, Sigma and eq. (17) in states of dropout, at its extreme over the settings."""

    column: str = Field(description="A column of the table `matrices`.")
    over: Literal["smallest", "largest"] = Field(description="Which of the settings, and steps, is the weakest.")
    at: Literal["start", "end", "all"] = Field(
        "end", description="The steps: the first, the last or all recorded ones."
    )
    divisor: str | None = Field(None, description="A column by which it is divided; null: none.")
    scale: Scale = Field(
        "linear", description="Of the mean over trials: `log` for factors, `correlation` for correlations."
    )

    def measure(self, tables: Tables, experiment: str) -> Measured:
        """Measure its mean over the trials, with Student's t interval."""
        table = tables.experiment_table(experiment, "matrices")
        if table.empty:
            raise NotMeasuredError(f"{experiment} measures no matrices along dropout")
        first, last = (table.groupby(["learning_rate", "keep_prob"])["step"].transform(end) for end in ("min", "max"))
        asked = table[
            {"start": table["step"] == first, "end": table["step"] == last, "all": table["step"] >= 0}[self.at]
        ]
        values = asked[self.column] / (asked[self.divisor] if self.divisor else 1)
        settings = ["learning_rate", "keep_prob", "step"]
        rows = asked.assign(value=values, trial=trial_names(asked)).pivot_table(
            "value", "trial", settings, dropna=False
        )
        rows = rows.dropna(axis=1, how="all")
        means = rows.mean()
        rate, keep_prob, step = means.idxmin() if self.over == "smallest" else means.idxmax()
        note = f"of {len(means)}, at learning rate {rate:g}, keep {keep_prob:g}, step {step:g}; mean {means.mean():.3g}"
        return replace(over_settings(rows.to_numpy(), self.over, note, self.scale), unit="trial")
