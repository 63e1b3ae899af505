"""What made the results, as the records beside them say: versions, machine, device."""

from pathlib import Path
from typing import Any

from dropscape.artifacts.files import read_json

_OF_THE_WORK = ("stage", "parameters", "data")  # what a job was given; the other texts say what computed it


def made_by(results: Path) -> dict[str, list[str]]:
    """The values that the records below a folder have of each thing, such as ``torch``, sorted.

    ArtifactError if a record is damaged.
    """
    found: dict[str, set[str]] = {}
    for path in sorted(results.rglob("*provenance.json")):
        for name, value in _flat(read_json(path)):
            found.setdefault(name, set()).add(value)
    return {name: sorted(values) for name, values in found.items()}


def _flat(record: dict[str, Any]) -> list[tuple[str, str]]:
    """Name and text of what is a text or a number in a record, of those inside by their own names."""
    pairs: list[tuple[str, str]] = []
    for name, value in record.items():
        if name in _OF_THE_WORK:
            continue
        if isinstance(value, dict):
            pairs += _flat(value)
        elif isinstance(value, str | int):
            pairs.append((name, str(value)))
    return pairs
