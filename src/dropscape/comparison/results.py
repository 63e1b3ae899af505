"""What is compared of a folder of results, read from its files alone."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from dropscape.artifacts.files import read_json, read_table
from dropscape.errors import ConfigurationError, suggested
from dropscape.report.verdicts import read_claims

# Their settings say which files they read and what the claims' table says as well.
NOT_COMPARED = ("claims", "claims_table", "figures", "report")
NOT_OF_THE_MACHINE = ("stage", "parameters", "data", "certificates")  # of a provenance


@dataclass(frozen=True)
class Results:
    """One side of a comparison.

    Attributes:
        name: what people call it.
        claims: as ``read_claims`` gives them; None where no claim was judged.
        settings: of each job (``training mnist_fnn/keep0.8-lr0.1``) by ``section.key``.
        environment: every value that a version, a device or a machine had in any of the jobs, by ``section.key``.
        tables: what each figure draws, by the figure.
        summaries: the second table of each figure.
        pictures: the PNG of each figure.
    """

    name: str
    claims: pd.DataFrame | None
    settings: Mapping[str, Mapping[str, Any]]
    environment: Mapping[str, str]
    tables: Mapping[str, pd.DataFrame]
    summaries: Mapping[str, pd.DataFrame]
    pictures: Mapping[str, Path]


def read_results(folder: Path, name: str) -> Results:
    """Read the results in a folder such as ``results/quick``, or one with ``claims.csv`` and ``figures``.

    Raises:
        ConfigurationError: there is no such folder, or it holds neither claims nor figures.
        ArtifactError: a file is damaged.
    """
    if not folder.is_dir():
        near = [str(one) for one in sorted(folder.parent.glob("*/"))] if folder.parent.is_dir() else []
        advice = f"write {suggested(str(folder), near)}" if near else "write a folder such as results/quick"
        raise ConfigurationError(f"{folder} is no folder of results: {advice}.")
    claims = [path for path in (folder / "claims/claims.csv", folder / "claims.csv") if path.is_file()]
    drawn = [path for path in (folder / "figures").glob("*.csv") if not path.name.endswith(".summary.csv")]
    if not claims and not drawn:
        raise ConfigurationError(
            f"{folder} holds neither claims nor figures: write the folder of a scale, such as {folder}/quick."
        )
    return Results(
        name,
        read_claims(claims[0]) if claims else None,
        dict(_settings(folder)),
        _environment(folder),
        {path.stem: read_table(path) for path in sorted(drawn)},
        {path.stem: read_table(two) for path in drawn if (two := path.with_suffix(".summary.csv")).is_file()},
        {path.stem: one for path in drawn if (one := path.with_suffix(".png")).is_file()},
    )


def _settings(folder: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """The settings of each job; paths below the folder are left out, as they differ by its name."""
    for path in sorted((folder / ".settings").rglob("*.json")):
        rule, *job = path.relative_to(folder / ".settings").with_suffix("").parts
        if rule not in NOT_COMPARED:
            yield " ".join([rule, "/".join(job)]).strip(), _flat(read_json(path))


def _environment(folder: Path) -> dict[str, str]:
    found: dict[str, list[str]] = {}
    for path in sorted(folder.rglob("*provenance.json")):
        record = {key: value for key, value in read_json(path).items() if key not in NOT_OF_THE_MACHINE}
        for key, value in _flat(record).items():
            if isinstance(value, str | int | float) and str(value) not in found.setdefault(key, []):
                found[key].append(str(value))
    return {key: ", ".join(sorted(values)) for key, values in found.items() if values}


def _flat(value: Any, above: str = "") -> dict[str, Any]:
    """Nested keys as ``section.key``; a list is a value."""
    if not isinstance(value, Mapping):
        return {above or "value": value}
    return {
        key: one
        for name, below in value.items()
        for key, one in _flat(below, f"{above}.{name}" if above else str(name)).items()
    }
