"""What kinds of noise do to flatness (paper C, section 6 and appendix D)."""

from dataclasses import replace
from typing import Literal

import numpy as np
import pandas as pd
from pydantic import Field

from dropscape.claims.directions import positive
from dropscape.claims.measured import Measured, unmeasured, with_interval
from dropscape.claims.statistic import ExperimentStatistic, NotMeasuredError, Tables
from dropscape.claims.trajectories import trial_names
from dropscape.numerics.intervals import student

STATIONARY = 0.05  # by how much the trace may change from the third quarter of the training to the last
Training = Literal["descent", "dropout", "dropout_mean", "sgd", "parameter_noise", "parameter_noise_mean"]


class NoiseFlattening(ExperimentStatistic):
    """Trace of the Hessian with a noise over that of another training, which has less of it or none."""

    method: Training = Field(
        description="The training: a noise; or `dropout_mean` and `parameter_noise_mean`, descent on the mean of its "
        "loss, which is L_S of dropout."
    )
    reference: Training = Field("descent", description="The other one; `descent` is that on the risk R_S.")
    at: Literal["equal_loss", "stationarity"] = Field(
        "equal_loss",
        description="Where R_S first falls to the lowest value that both reach; or in the last quarter of the "
        "training, where nothing is judged if the trace still changes.",
    )

    def measure(self, tables: Tables, experiment: str) -> Measured:
        """Measure the geometric mean over the trials that both have; those without two positive traces are left out."""
        table = tables.experiment_table(experiment, "noises")
        if not {self.method, self.reference} <= set(table["method"]):
            raise NotMeasuredError(f"{experiment} has no trainings {self.method} and {self.reference} to compare")
        table = table.assign(trial=trial_names(table)).sort_values("step")
        both = table[table["method"].isin([self.method, self.reference])]
        trials = [
            [rows[rows["method"] == method] for method in (self.method, self.reference)]
            for _, rows in both.groupby("trial")
        ]
        traces = np.array([_at_equal_loss(pair) if self.at == "equal_loss" else _late(pair) for pair in trials])
        compared = positive(traces)
        if not len(compared):
            return unmeasured("no trial with two positive traces")
        one, other = compared.T
        missing = len(traces) - len(compared)
        note = f"mean trace {one.mean():.3g} of {self.method}, {other.mean():.3g} of {self.reference}"
        note += f"; {missing} of {len(traces)} trials left out" if missing else ""
        found = with_interval(student(one / other, "log"), len(compared), note, "trial")
        return replace(found, void=_not_stationary(both)) if self.at == "stationarity" else found


def _at_equal_loss(pair: list[pd.DataFrame]) -> list[float]:
    """The traces of two trainings where their loss first falls to the lowest that both reach."""
    level = float(np.max([one["loss"].min(skipna=False) for one in pair]))
    return [_trace_at(one["loss"].to_numpy(), one["trace"].to_numpy(), level) for one in pair]


def _trace_at(losses: np.ndarray, traces: np.ndarray, level: float) -> float:
    """The trace where the loss first falls to a level, on a line between recorded steps."""
    if np.isnan(level):
        return np.nan
    after = int(np.argmax(losses <= level))
    around = slice(max(after - 1, 0), after + 1)
    return float(np.interp(level, losses[around][::-1], traces[around][::-1]))


def _late(pair: list[pd.DataFrame]) -> list[float]:
    """The mean traces of two trainings over the last quarter of their steps."""
    return [one.loc[one["step"] > 0.75 * one["step"].max(), "trace"].mean(skipna=False) for one in pair]


def _not_stationary(table: pd.DataFrame) -> str:
    """Which trainings' mean trace changes from the third quarter to the last by more than it may, and by how much."""
    quarter = np.ceil(4 * table["step"] / table["step"].max())
    means = table.assign(quarter=quarter).pivot_table(index="method", columns="quarter", values="trace")
    changes = means[4.0] / means[3.0] - 1
    found = [f"{change:+.0%} of {name}" for name, change in changes.items() if abs(change) > STATIONARY]
    return f"not stationary: the trace changes by {' and '.join(found)} over the last quarter" if found else ""
