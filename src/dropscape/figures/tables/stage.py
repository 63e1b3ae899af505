"""The figures stage, first half: the table that a figure draws. Nothing here draws."""

from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any

from dropscape.artifacts.files import read_json, write_json, write_table
from dropscape.artifacts.provenance import provenance


def table_run(
    settings: Mapping[str, Any],
    descriptions: Sequence[str],
    inputs: Mapping[str, Sequence[str]],
    outputs: Mapping[str, str],
) -> None:
    """Write everything that a figure shows.

    The work is that of ``dropscape.figures.tables.<kind>``.

    Args:
        settings: ``kind``, ``place``, ``scale`` and ``experiments``, a list of: ``name``; ``runs`` and ``dropout``;
            what the kind needs of ``sample``, ``factor`` and ``rise``; and, for the figure's text only, ``model``,
            ``train_examples``, ``samples`` (N) and ``seeds``.
        descriptions: the dataset's description of each experiment.
        inputs: by stage table, one path per run in the order of the experiments and of their ``runs``.
        outputs: ``points``, ``summary`` and ``description``.
    """
    experiments = settings["experiments"]
    content = import_module(f"dropscape.figures.tables.{settings['kind']}").table(experiments, inputs)
    data = [read_json(path) for path in descriptions]
    write_table(outputs["points"], content.points)
    write_table(outputs["summary"], content.summary)
    write_json(
        outputs["description"],
        {key: settings[key] for key in ("kind", "place", "scale")}
        | {
            "experiments": [
                {key: experiment[key] for key in ("name", "model", "train_examples", "samples", "seeds")}
                | {"data": described["label"], "dataset": described["dataset"]}
                for experiment, described in zip(experiments, data, strict=True)
            ]
        }
        | content.facts
        | {"undefined": content.undefined, "provenance": provenance("figures", settings, {"datasets": data})},
    )
