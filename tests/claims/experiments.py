"""Tables of an experiment with several runs, for statistics that compare them, and statistics by name."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from dropscape.artifacts.files import write_table
from dropscape.claims.statistic import Run, Tables, statistic_named

NAME = "experiment"
SEEDS = (0, 1, 2)


def measure(statistic, tables, *subject, **arguments):
    """The statistic with a claim's arguments, measured on a run, an experiment or, without a subject, on theory."""
    return statistic_named({"name": statistic} | arguments).measure(tables, *subject)


def interval(values, forth=np.asarray, back=float):
    """Value, low and high of one value a seed: scipy's t interval of the mean, through a transform and back."""
    values = forth(np.asarray(values, dtype=float))
    low, high = stats.ttest_1samp(values, 0).confidence_interval(0.95)
    return pytest.approx(tuple(back(bound) for bound in (values.mean(), low, high)))


def bounds(measured):
    """What is compared with ``interval``."""
    return measured.value, measured.low, measured.high


class Experiment:
    """Runs with their tables below a folder."""

    def __init__(self, folder):
        self.folder, self.runs, self.run_files, self.files = folder, [], {}, {}

    def add(
        self, name, objective="dropout", keep_prob=0.8, learning_rate=0.01, weight=None, train_examples=100,
        within=NAME, **tables,
    ):  # fmt: skip
        """A run with tables by name; returns the experiment."""
        settings = {"objective": objective, "keep_prob": keep_prob, "learning_rate": learning_rate}
        settings |= {"gradient_penalty_weight": weight, "train_examples": train_examples}
        self.runs.append(Run(within, name, True, keep_prob == 1, settings))
        for table, content in tables.items():
            path = str(self.folder / within / name / f"{table}.csv")
            write_table(path, pd.DataFrame(content))
            self.run_files.setdefault(within, {}).setdefault(name, {})[table] = path
        return self

    def add_experiment_table(self, table, content):
        """A table that the experiment has once."""
        path = str(self.folder / f"{table}.csv")
        write_table(path, pd.DataFrame(content))
        self.files[table] = path
        return self

    @property
    def tables(self):
        files = {"runs": self.run_files, "experiments": {NAME: self.files}, "theory": {}}
        return Tables(self.runs, files)


def history(**ends):
    """A history whose columns end with the given values by seed, and that says something else before."""
    seeds = SEEDS[: len(next(iter(ends.values())))]
    before = pd.DataFrame({"seed": seeds, "step": 0} | dict.fromkeys(ends, 7.0))
    last = pd.DataFrame({"seed": seeds, "step": 50} | ends)
    return pd.concat([last[::-1], before])  # neither seeds nor steps stand in their order
