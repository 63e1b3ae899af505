"""Runs written as a grid: one line for all combinations of a few values."""

import itertools
import string
from collections.abc import Mapping
from typing import Any


def with_grid_as_runs(experiment: Mapping[str, Any]) -> dict[str, Any]:
    """The experiment with the runs of its ``grid`` beside those of ``runs``.

    An entry of ``grid`` is a pattern of names with what its runs have: ``keep{keep_prob}: {keep_prob: [0.5, 0.9],
    learning_rate: 0.1}`` stands for the runs ``keep0.5`` and ``keep0.9``. Every list is an axis of the grid; a list
    inside of it is a single value.

    Null in ``runs`` leaves a run of the grid out. A ValueError says that a grid or an entry has no keys; that a pattern
    leaves out an axis, so that runs would share a name, or names one that is not there; or that a run of the grid
    stands in ``runs`` too.
    """
    runs, grid = dict(experiment.get("runs") or {}), experiment.get("grid") or {}
    if not isinstance(grid, Mapping) or not all(isinstance(family, Mapping) for family in grid.values()):
        raise ValueError(
            f"grid is {grid!r}: write patterns with what their runs have, such as "
            "`keep{keep_prob}: {keep_prob: [0.5, 0.9], learning_rate: 0.1}`"
        )
    for pattern, family in grid.items():
        axes = {key: values for key, values in family.items() if isinstance(values, list)}
        try:
            named = [field for _, field, how, _ in string.Formatter().parse(str(pattern)) if field is not None]
            if any(how for _, _, how, _ in string.Formatter().parse(str(pattern))):
                raise ValueError("it has a format")
        except ValueError as error:
            raise ValueError(f"grid '{pattern}' is no pattern of names ({error}): write keys in braces alone") from None
        if sorted(named) != sorted(axes):
            raise ValueError(
                f"grid '{pattern}' names {_listed(named)}, but its lists are {_listed(axes)}: write each list of the "
                "entry once in braces"
            )
        for point in itertools.product(*axes.values()):
            values = dict(zip(axes, point, strict=True))
            name = pattern.format(**{key: _text(value) for key, value in values.items()})
            if name in runs and runs[name] is None:
                del runs[name]
                continue
            if name in runs:
                raise ValueError(f"run '{name}' of grid '{pattern}' is there already: rename one")
            runs[name] = {**family, **values}
    written = {key: value for key, value in experiment.items() if key != "grid"}
    return written | {"runs": runs} if grid else written


def _text(value: Any) -> str:
    return "-".join(map(str, value)) if isinstance(value, list) else str(value)


def _listed(names: Any) -> str:
    return ", ".join(names) or "nothing"
