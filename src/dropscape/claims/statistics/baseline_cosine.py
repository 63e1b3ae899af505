"""Cosine of random matrices with the spectra of a run's Hessian and covariance (paper C, section 5.3)."""

from typing import Literal

from pydantic import Field

from dropscape.claims.measured import Measured, with_interval
from dropscape.claims.statistic import Run, RunStatistic, Tables
from dropscape.numerics.intervals import student


class BaselineCosine(RunStatistic):
    """Mean cosine of random matrices with the run's spectra."""

    eigenvectors: Literal["normalised", "orthonormal"] = Field(
        description="`normalised`: independent normal vectors of length 1, as the paper describes; "
        "`orthonormal`: a random rotation."
    )

    def measure(self, tables: Tables, run: Run) -> Measured:
        """Measure it on all drawn pairs."""
        table = tables.run_table(run, "baseline")
        cosines = table[table["eigenvectors"] == self.eigenvectors]["cosine"]
        note = f"closed form for orthonormal eigenvectors: {table['expected'].iloc[0]:.3g}"
        return with_interval(student(cosines), len(cosines), note, "pair")
