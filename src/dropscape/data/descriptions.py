"""Descriptions of data that dropscape generates; ``dataset.Dataset`` says what a description holds."""

from collections.abc import Mapping
from typing import Any


def generated_description(
    dataset: str, counts: Mapping[str, int], *, origin: str, label: str, differs: str = ""
) -> dict[str, Any]:
    """Describe data that dropscape generates."""
    return {
        "dataset": dataset,
        "source": "embedded",
        "origin": origin,
        "files": {},
        "checksums_verified": True,
        "counts": dict(counts),
        "licence": "generated, free of rights",
        "differs": differs,
        "label": label,
    }


def stand_in_description(
    dataset: str, title: str, counts: Mapping[str, int], what: str, differs: str
) -> dict[str, Any]:
    """Describe generated data that stand in for ``title``; ``what`` they are, in words."""
    stands_in = f"stand-in data for {title}"
    label = f"{stands_in}: {counts['train']:,} + {counts['test']:,} generated {what}"
    return generated_description(
        dataset, counts, origin=f"{stands_in}: {what}, generated", label=label, differs=differs
    )
