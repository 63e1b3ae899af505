"""How accurate a network is while its trajectory is sampled (paper A, section 6.1)."""

from typing import Literal

from pydantic import Field

from dropscape.claims.measured import Measured, over_seeds
from dropscape.claims.statistic import Run, RunStatistic, Tables


class WindowAccuracy(RunStatistic):
    """Smallest training accuracy that is recorded while the trajectory is sampled."""

    steps: Literal["sampled", "first"] = Field(
        "sampled", description="The steps of the trajectory and the one before them, or the `first` step of training."
    )

    def measure(self, tables: Tables, run: Run) -> Measured:
        """Measure it seed by seed, without dropout."""
        history = tables.run_table(run, "history")
        start = history["step"].max() - run.settings.get("trajectory_steps", 0)
        chosen = history["step"] >= start if self.steps == "sampled" else history["step"] == history["step"].min()
        return over_seeds(history[chosen].groupby("seed")["train_accuracy"].min())
