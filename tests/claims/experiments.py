"""Tables of an experiment with several runs, for statistics that compare them."""

import pandas as pd

from dropscape.artifacts.files import write_table
from dropscape.claims.tables import Run, Tables

NAME = "experiment"
SEEDS = (0, 1, 2)


class Experiment:
    """Runs with their tables below a folder."""

    def __init__(self, folder):
        self.folder, self.runs, self.files, self.whole = folder, [], {}, {}

    def add(
        self, name, objective="dropout", keep_prob=0.8, learning_rate=0.01, penalty=None, examples=100, within=NAME,
        **tables,
    ):  # fmt: skip
        """A run with tables by kind; returns the experiment."""
        settings = {"objective": objective, "keep_prob": keep_prob, "learning_rate": learning_rate}
        settings |= {"penalty": penalty, "train_examples": examples}
        self.runs.append(Run(within, name, True, keep_prob == 1, settings))
        for kind, table in tables.items():
            path = str(self.folder / within / name / f"{kind}.csv")
            write_table(path, pd.DataFrame(table))
            self.files.setdefault(kind, {})[within, name] = path
        return self

    def add_whole(self, kind, table):
        """A table of the experiment as a whole."""
        path = str(self.folder / f"{kind}.csv")
        write_table(path, pd.DataFrame(table))
        self.whole[kind] = {NAME: path}
        return self

    @property
    def tables(self):
        return Tables(self.runs, self.files, {}, self.whole)


def history(**ends):
    """A history whose columns end with the given values by seed, and that says something else before."""
    seeds = SEEDS[: len(next(iter(ends.values())))]
    before = pd.DataFrame({"seed": seeds, "step": 0} | dict.fromkeys(ends, 7.0))
    last = pd.DataFrame({"seed": seeds, "step": 50} | ends)
    return pd.concat([last[::-1], before])  # neither seeds nor steps stand in their order
