"""Cosine of random matrices with the spectra of a run's Hessian and covariance (paper C, section 5.3)."""

import math
from typing import Literal

from pydantic import Field

from dropscape.claims.statistic import Measured, Run, RunStatistic, Tables


class BaselineCosine(RunStatistic):
    """Mean cosine of random matrices with the run's spectra."""

    eigenvectors: Literal["normalised", "orthonormal"] = Field(
        description="`normalised`: independent normal vectors of length 1, as the paper describes; "
        "`orthonormal`: a random rotation."
    )

    def measure(self, tables: Tables, run: Run, claim: str) -> Measured:
        """Measure it on all drawn pairs, with normal 95 % bounds of the mean."""
        table = tables.run_table(run, "baseline")
        cosines = table[table["eigenvectors"] == self.eigenvectors]["cosine"]
        margin = float(1.96 * cosines.std(ddof=1) / math.sqrt(len(cosines)))
        mean = float(cosines.mean())
        note = f"closed form for orthonormal eigenvectors: {table['expected'].iloc[0]:.3g}"
        return Measured(mean, mean - margin, mean + margin, len(cosines), note)
