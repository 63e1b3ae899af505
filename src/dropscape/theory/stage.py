"""The theory stage: what a paper proves, on networks small enough to check it exactly."""

from collections.abc import Mapping
from importlib import import_module
from typing import Any

from dropscape.artifacts.files import write_json, write_table
from dropscape.artifacts.provenance import provenance


def table_run(name: str, settings: Mapping[str, Any], outputs: Mapping[str, str]) -> None:
    """Write the table of ``dropscape.theory.tables.<name>``.

    Args:
        name: of the table.
        settings: the arguments of its module's ``table``.
        outputs: ``table`` and ``provenance``.
    """
    write_table(outputs["table"], import_module(f"dropscape.theory.tables.{name}").table(**settings))
    write_json(outputs["provenance"], provenance("theory", settings))
