"""The figures stage, first half: the table that a figure draws. Nothing here draws."""

from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any

from dropscape.artifacts.files import read_json, write_json, write_table
from dropscape.artifacts.provenance import provenance


def table_run(
    settings: Mapping[str, Any], description: str, inputs: Mapping[str, Sequence[str]], outputs: Mapping[str, str]
) -> None:
    """Write everything that a figure shows.

    The work is that of ``dropscape.figures.tables.<kind>``.

    Args:
        settings: ``kind``; ``runs`` and ``dropout``; what the kind needs of ``sample`` and ``factor``; and, for the
            figure's text only, ``place``, ``experiment``, ``scale``, ``train_examples``, ``samples`` (N) and ``seeds``.
        description: the dataset's description.
        inputs: by stage table, one path per run in the order of ``runs``.
        outputs: ``points``, ``summary`` and ``description``.
    """
    content = import_module(f"dropscape.figures.tables.{settings['kind']}").table(settings, inputs)
    data = read_json(description)
    shown = ("kind", "place", "experiment", "scale", "train_examples", "samples", "seeds")
    write_table(outputs["points"], content.points)
    write_table(outputs["summary"], content.summary)
    write_json(
        outputs["description"],
        {key: settings[key] for key in shown}
        | {"data": data["label"], "source": data["source"]}
        | content.facts
        | {"undefined": content.undefined, "provenance": provenance("figures", settings, data)},
    )
