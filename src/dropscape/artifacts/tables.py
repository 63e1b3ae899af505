"""Tables of results by name: of a run, of an experiment and of a study's theory."""

from collections.abc import Mapping

import pandas as pd

from dropscape.artifacts.files import read_table


class NotMeasuredError(Exception):
    """A table that was not asked for in the configuration."""


class TableFiles:
    """Tables by experiment, run and name; each is read once, when it is asked for.

    ``files`` are their paths: ``runs``: {experiment: {run: {table: path}}}; ``experiments``: {experiment: {table:
    path}}, of those tables that an experiment has once; ``theory``: {table: path}.
    """

    def __init__(self, files: Mapping[str, Mapping]):
        self._files = files
        self._read: dict[str, pd.DataFrame] = {}

    def has_run_table(self, experiment: str, run: str, table: str) -> bool:
        """Tell whether the run has the table."""
        return table in self._files["runs"].get(experiment, {}).get(run, {})

    def run_table(self, experiment: str, run: str, table: str) -> pd.DataFrame:
        """Read a table of a run; a NotMeasuredError says that it has none."""
        if not self.has_run_table(experiment, run, table):
            raise NotMeasuredError(f"{experiment} has no table '{table}'")
        return self._table(self._files["runs"][experiment][run][table])

    def experiment_table(self, experiment: str, table: str) -> pd.DataFrame:
        """Read a table that an experiment has once; a NotMeasuredError says that it has none."""
        if table not in self._files["experiments"].get(experiment, {}):
            raise NotMeasuredError(f"{experiment} has no table '{table}'")
        return self._table(self._files["experiments"][experiment][table])

    def theory_table(self, table: str) -> pd.DataFrame:
        """Read a table of the study's theory."""
        return self._table(self._files["theory"][table])

    def _table(self, path: str) -> pd.DataFrame:
        if path not in self._read:
            self._read[path] = read_table(path)
        return self._read[path]
