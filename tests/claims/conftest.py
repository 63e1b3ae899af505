import math

import numpy as np
import pandas as pd
import pytest

from dropscape.artifacts.files import write_table
from dropscape.claims.statistic import Run, Tables

RUN = Run("mnist", "keep0.8", True)


@pytest.fixture
def run():
    return RUN


@pytest.fixture
def tables(tmp_path):
    """Tables of one run (and one of theory) with the content that a test gives by name."""

    def of(**contents):
        paths = {table: str(tmp_path / f"{table}.csv") for table in contents}
        for table, content in contents.items():
            write_table(paths[table], pd.DataFrame(content))
        files = {"runs": {RUN.experiment: {RUN.name: paths}}, "experiments": {}, "theory": paths}
        return Tables([RUN], files)

    return of


def spectrum_and_interval(variances, widths, factors=None, sample="gradients"):
    """Tables of one sample: ``variances[seed]`` and ``widths[seed]`` by direction; other factors scale the widths."""
    spectrum, interval = [], []
    for seed, values in variances.items():
        for index, (variance, width) in enumerate(zip(values, widths[seed], strict=True), 1):
            key = {"sample": sample, "seed": seed, "index": index}
            zero = variance < 1e-8 * max(values)
            spectrum.append(key | {"variance": variance, "numerically_zero": zero, "held_out": variance / 2})
            for factor, change in {2.0: lambda width: width, **(factors or {})}.items():
                found = change(width)
                reason = "" if math.isfinite(found) else "no crossing"
                interval.append(key | {"factor": factor, "width": found, "reason": reason, "divergence_width": found})
    return {"spectrum": pd.DataFrame(spectrum), "interval": pd.DataFrame(interval)}


def projection(pairs, sample="gradients"):
    """The table of (eigenvalue, variance) pairs of each seed, in the order of ``index``."""
    return pd.DataFrame(
        {"sample": sample, "seed": seed, "index": index, "eigenvalue": eigenvalue, "variance": variance}
        for seed, rows in pairs.items()
        for index, (eigenvalue, variance) in enumerate(rows, 1)
    )


def noisy_power_law(points, slope, noise, seed=0):
    """x, y with y = x^slope times log-normal noise."""
    x = np.logspace(0, -5, points)
    return x, x**slope * np.exp(noise * np.random.default_rng(seed).standard_normal(points))
