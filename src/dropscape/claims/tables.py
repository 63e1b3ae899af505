"""The tables that claims are judged on, read once each."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pandas as pd

from dropscape.artifacts.files import read_table


class NotMeasured(Exception):
    """A table that a claim needs was not asked for."""


@dataclass(frozen=True)
class Run:
    """One run of an experiment.

    Attributes:
        main: whether it has the experiment's own dropout layer and mask mode.
        plain: whether it trains without dropout.
    """

    experiment: str
    name: str
    main: bool
    plain: bool = False


@dataclass(frozen=True)
class Tables:
    """Files of the tables by kind.

    Attributes:
        runs: all runs, in the order of the configuration.
        files: kind (the stem of the table's file name) -> (experiment, run) -> path.
        theory: (study, table) -> path.
    """

    runs: Sequence[Run]
    files: Mapping[str, Mapping[tuple[str, str], str]]
    theory: Mapping[tuple[str, str], str]

    @cached_property
    def _read(self) -> dict[str, pd.DataFrame]:
        return {}

    def of_run(self, kind: str, run: Run) -> pd.DataFrame:
        """The run's table of that kind.

        Raises:
            NotMeasured: the experiment's configuration leaves that measurement out.
        """
        try:
            path = self.files[kind][run.experiment, run.name]
        except KeyError:
            raise NotMeasured(f"{run.experiment} has no table '{kind}'") from None
        return self._table(path)

    def without_dropout(self, run: Run) -> Run:
        """The run of the same experiment that trains without dropout.

        Raises:
            NotMeasured: there is none, or ``run`` is it.
        """
        plain = [other for other in self.runs_of(run.experiment) if other.plain]
        if run.plain or not plain:
            raise NotMeasured(f"{run.experiment} has no training without dropout to compare {run.name} with")
        return plain[0]

    def of_theory(self, study: str, table: str) -> pd.DataFrame:
        """A table of the study's theory."""
        return self._table(self.theory[study, table])

    def _table(self, path: str) -> pd.DataFrame:
        if path not in self._read:
            self._read[path] = read_table(path)
        return self._read[path]

    def runs_of(self, experiment: str) -> list[Run]:
        """The runs of one experiment."""
        return [run for run in self.runs if run.experiment == experiment]


def tables_of(
    runs: Sequence[Mapping[str, Any]], files: Mapping[str, Sequence[str]], theory: Sequence[Sequence[str]]
) -> Tables:
    """Tables from the workflow's lists.

    Args:
        runs: experiment, name, main, plain and ``kinds``, the kinds of tables the run has.
        files: for each kind the paths in the order of the runs that have it; ``theory`` in the order of
            ``theory``.
        theory: study and name of each table of theory.
    """
    by_kind = {}
    for kind, paths in files.items():
        having = [(run["experiment"], run["name"]) for run in runs if kind in run["kinds"]]
        if kind != "theory":
            by_kind[kind] = dict(zip(having, paths, strict=True))
    return Tables(
        runs=[Run(run["experiment"], run["name"], run["main"], run["plain"]) for run in runs],
        files=by_kind,
        theory=dict(zip(map(tuple, theory), files.get("theory", []), strict=True)),
    )
