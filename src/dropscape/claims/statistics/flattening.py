"""How much flatter one training ends than another of the same experiment, seed by seed (beyond paper A)."""

from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from dropscape.claims.measured import Measured, over_seeds, unmeasured
from dropscape.claims.statistic import ExperimentStatistic, NotMeasuredError, Run, Tables

Flatness = Literal["width", "eigenvalue", "peak", "trace"]


class Flattening(ExperimentStatistic):
    """How many times flatter a training ends than another one, whose seeds share initialisation and masks."""

    run: str = Field(description="The training.")
    against: str = Field(description="The other one.")
    flatness: Flatness = Field(
        "width",
        description="`width` of slices of the loss at the end, judged rise; or the inverse of the Hessian's largest "
        "`eigenvalue` at the end, of its largest along training (`peak`), or of its `trace` at the end.",
    )
    share_of: str | None = Field(
        None, description="Measure instead the share of the logarithm of this training's flattening over the same."
    )

    def measure(self, tables: Tables, experiment: str) -> Measured:
        """Geometric mean over seeds of the factor, or the mean share."""
        run, against = (tables.named_run(experiment, name) for name in (self.run, self.against))
        one, other = (log_flatness(tables, each, self.flatness) for each in (run, against))
        logs = one - other
        losses = [tables.at_end_of_training(each, "loss").mean() for each in (run, against)]
        note = f"training losses {losses[0]:.3g} and {losses[1]:.3g}"
        if np.isnan(logs).any():
            return unmeasured("a seed has no direction with a width")
        if self.share_of is None:
            return over_seeds(np.exp(logs), note, "log")
        whole = log_flatness(tables, tables.named_run(experiment, self.share_of), self.flatness) - other
        if (whole <= 0).any():
            return unmeasured(f"{self.share_of} is not flatter than {self.against} in each seed")
        return over_seeds(logs / whole, note)


def log_flatness(tables: Tables, run: Run, flatness: Flatness) -> NDArray:
    """The logarithm of a flatness of each seed, (S,); of widths the mean over the directions that have one."""
    if flatness == "width":
        rows = tables.run_table(run, "slice_widths")
        return np.log(rows[rows["judged"]].groupby("seed")["half_width"].agg(_geometric_mean)).to_numpy()
    return -np.log(curvatures(tables, run, flatness))


def curvatures(tables: Tables, run: Run, which: Literal["eigenvalue", "peak", "trace"]) -> NDArray:
    """The Hessian's largest eigenvalue or trace of each seed at the end, or its ``peak`` along training, (S,)."""
    table = tables.experiment_table(run.experiment, "sharpness")
    rows = table[table["run"] == run.name].sort_values(["seed", "step"])
    if rows.empty:
        raise NotMeasuredError(f"the sharpness of {run.name} is not measured")
    if which == "peak":
        return rows.groupby("seed")["eigenvalue"].max().to_numpy()
    return rows.groupby("seed")[which].last().to_numpy()


def _geometric_mean(widths):
    return np.exp(np.log(widths.dropna()).mean())
