"""The tables that claims are judged on, read once each."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
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
        settings: keep_prob (the smallest, if there are several), learning_rate, objective, penalty and train_examples.
    """

    experiment: str
    name: str
    main: bool
    plain: bool = False
    settings: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Tables:
    """Files of the tables by kind.

    Attributes:
        runs: all runs, in the order of the configuration.
        files: kind (the stem of the table's file name) -> (experiment, run) -> path.
        theory: (study, table) -> path.
        whole: kind -> experiment -> path, of tables that an experiment has as a whole.
    """

    runs: Sequence[Run]
    files: Mapping[str, Mapping[tuple[str, str], str]]
    theory: Mapping[tuple[str, str], str]
    whole: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

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

    def of_experiment(self, kind: str, experiment: str) -> pd.DataFrame:
        """The table of that kind that the experiment has as a whole.

        Raises:
            NotMeasured: the experiment's configuration leaves that measurement out.
        """
        try:
            path = self.whole[kind][experiment]
        except KeyError:
            raise NotMeasured(f"{experiment} has no table '{kind}'") from None
        return self._table(path)

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
    runs: Sequence[Mapping[str, Any]],
    files: Mapping[str, Sequence[str]],
    theory: Sequence[Sequence[str]],
    whole: Mapping[str, Sequence[str]],
) -> Tables:
    """Tables from the workflow's lists.

    Args:
        runs: experiment, name, main, plain, settings and ``kinds``, the kinds of tables the run has.
        files: for each kind the paths in the order of the runs that have it; ``theory`` in the order of ``theory``,
            and a kind of ``whole`` in the order of its experiments.
        theory: study and name of each table of theory.
        whole: by kind the experiments that have such a table as a whole.
    """
    by_kind = {}
    for kind, paths in files.items():
        having = [(run["experiment"], run["name"]) for run in runs if kind in run["kinds"]]
        if kind != "theory" and kind not in whole:
            by_kind[kind] = dict(zip(having, paths, strict=True))
    return Tables(
        runs=[Run(*(run[key] for key in ("experiment", "name", "main", "plain", "settings"))) for run in runs],
        files=by_kind,
        theory=dict(zip(map(tuple, theory), files.get("theory", []), strict=True)),
        whole={kind: dict(zip(names, files[kind], strict=True)) for kind, names in whole.items()},
    )
