"""What the table of every kind of figure shares: the runs' tables under each other, and undefined points counted."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from dropscape.artifacts.files import read_table

RUN_COLUMNS = ["run", "keep_prob", "learning_rate", "dropout_after", "mask_mode", "variant"]


@dataclass(frozen=True)
class Content:
    """Everything that a figure shows.

    Attributes:
        points: tidy, one row per point, with the run's settings and ``reason``, why it has no place on the axes
            ("" if it has one).
        summary: what is drawn over the points or instead of them: fitted lines, or means and ranges over seeds.
        undefined: one entry per group of points that the footer names: ``of``, ``points`` and ``reasons``, the
            number of points without a place by reason.
        facts: JSON-able values of this kind that the figure's text needs.
    """

    points: pd.DataFrame
    summary: pd.DataFrame
    undefined: list[dict[str, Any]]
    facts: dict[str, Any]


def inputs_and_loss(experiment: Mapping[str, Any]) -> dict[str, Any]:
    """What the text of a figure on the equations says of an experiment: model, side (pixels) and loss."""
    return {key: experiment[key] for key in ("model", "side", "loss")}


def variant(run: Mapping[str, Any], default: Mapping[str, Any]) -> str:
    """In what a run's dropout differs from the experiment's, in words; "" for a main run."""
    parts = []
    if run["dropout_after"] != default["dropout_after"]:
        parts.append(f"after layer {run['dropout_after']}")
    if run["mask_mode"] != default["mask_mode"]:
        parts.append(f"{run['mask_mode'].replace('per_example', 'per-example')} masks")
    return ", ".join(parts)


def of_runs(settings: Mapping[str, Any], paths: Sequence[str]) -> pd.DataFrame:
    """The tables of all runs under each other, each row with the run's settings in front.

    A table's own ``keep_prob`` (that of dropout added tentatively to a training without it) stands in place of
    the training's.

    Args:
        settings: ``runs``, by name the keep_prob, learning_rate, dropout_after and mask_mode; ``dropout``, the
            experiment's dropout_after and mask_mode.
        paths: one table per run, in the order of ``runs``.
    """
    frames = []
    for (name, run), path in zip(settings["runs"].items(), paths, strict=True):
        described = {"run": name} | dict(run) | {"variant": variant(run, settings["dropout"])}
        frame = read_table(path)
        frames.append(frame.assign(**{key: described[key] for key in described if key not in frame}))
    table = pd.concat(frames, ignore_index=True)
    return table[RUN_COLUMNS + [column for column in table if column not in RUN_COLUMNS]]


def first_reason(index: pd.Index, tests: Sequence[tuple[pd.Series, str]]) -> pd.Series:
    """The text of the first test that is true, "" where none is.

    Args:
        index: of the rows.
        tests: pairs of a boolean series and a text.
    """
    reason = pd.Series("", index=index, dtype=object)
    for fails, text in tests:
        reason = reason.mask(fails & (reason == ""), text)
    return reason


def count_undefined(of: str, reasons: pd.Series) -> dict[str, Any]:
    """An entry of ``Content.undefined``, the most frequent reason first."""
    counts = reasons[reasons != ""].value_counts()
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return {"of": of, "points": len(reasons), "reasons": {str(text): int(number) for text, number in ordered}}
