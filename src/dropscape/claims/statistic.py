"""What every statistic of a claim is: typed arguments, and a measurement with bounds.

A statistic is a module of ``dropscape.claims.statistics`` with one class. Its fields are the arguments that a claim
gives; its docstring's first line says what it measures. Nothing lists the modules: the configuration finds them.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import pandas as pd
from pydantic import Field

from dropscape.claims.tables import Run, Tables
from dropscape.discovery import subclasses
from dropscape.schema import Strict


@dataclass(frozen=True)
class Measured:
    """The value of a statistic with its bounds, how many points it rests on and what a reader should know."""

    value: float
    low: float
    high: float
    points: int
    note: str = ""


def unmeasured(why: str) -> Measured:
    """A statistic that has no value, and why."""
    return Measured(math.nan, math.nan, math.nan, 0, why)


def join_notes(*notes: str) -> str:
    """The notes that say anything, as one."""
    return "; ".join(note for note in notes if note)


class Statistic(Strict):
    """What a claim measures; ``name`` is that of its module."""

    name: str


class RunStatistic(Statistic):
    """A statistic of one run; a claim is measured on every run of its experiment."""

    def measure(self, tables: Tables, run: Run, claim: str) -> Measured:
        """Measure it; the claim's name decides the draws. NotMeasuredError: the run lacks a table that it needs."""
        raise NotImplementedError


class ExperimentStatistic(Statistic):
    """A statistic that compares an experiment's trainings with each other and is measured once."""

    def measure(self, tables: Tables, experiment: str, claim: str) -> Measured:
        """Measure it; the claim's name decides the draws. NotMeasuredError: a run or table that it needs is absent."""
        raise NotImplementedError


class TheoryStatistic(Statistic):
    """A statistic of a table of the study's theory; its claim has no figure."""

    table: str = Field(description="The table; the module of that name in `dropscape.theory.tables`.")
    column: str = Field(description="A column of it; the module describes them.")
    where: Mapping[str, str] = Field(description="Value of each column that chooses the rows.")

    def measure(self, tables: Tables, claim: str) -> Measured:
        """Measure it; the claim's name decides the draws."""
        raise NotImplementedError

    def rows(self, tables: Tables) -> pd.DataFrame:
        """The rows that the claim is about."""
        rows = tables.theory_table(self.table)
        for column, value in self.where.items():
            rows = rows[rows[column] == value]
        return rows


def statistic_named(settings: Mapping[str, Any]) -> Statistic:
    """The statistic with the arguments that a claim gives, from ``name`` and these; only its module is imported."""
    module = import_module(f"dropscape.claims.statistics.{settings['name']}")
    (kind,) = subclasses({settings["name"]: module}, Statistic)
    return kind.model_validate(dict(settings))
