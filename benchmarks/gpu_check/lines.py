"""The lines of the table: what a check found, printed and written as soon as it is known."""

import csv
import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

UNKNOWN = math.nan
HEADER = ("check", "difference", "limit", "ok", "seconds", "rate", "of limit", "GiB", "taken", "note")
WIDTHS = (50, 10, 8, 4, 10, 11, 8, 6, 6, 0)


@dataclass
class Line:
    """What one check found.

    Attributes:
        check: what was checked.
        difference: what was found, NaN where only a time was measured.
        limit: the largest difference that is right.
        failed: the sentence of an exception; empty where there was none.
        seconds: of what the line is about: a step, a product, a sample.
        rate: ``unit`` a second, such as TF or GB.
        share: of the rate that the device was measured to have.
        memory: GiB of tensors that the device held at most.
        reserved: GiB that the process took at most, which other processes could not have.
        note: what else is to be said.
        took: seconds of the whole check.
    """

    check: str
    difference: float = UNKNOWN
    limit: float = UNKNOWN
    failed: str = ""
    seconds: float = UNKNOWN
    rate: float = UNKNOWN
    unit: str = ""
    share: float = UNKNOWN
    memory: float = UNKNOWN
    reserved: float = UNKNOWN
    note: str = ""
    took: float = UNKNOWN

    @property
    def ok(self) -> bool:
        """Whether nothing failed and the difference, if any, is within its limit."""
        if self.failed:
            return False
        return math.isnan(self.limit) or self.difference <= self.limit  # a difference that is NaN is not

    def cells(self) -> tuple[str, ...]:
        """The line as text."""
        return (
            self.check,
            _number(self.difference),
            _number(self.limit),
            ("ok" if self.ok else "NO") if self.failed or not math.isnan(self.limit) else "",
            _number(self.seconds),
            f"{_number(self.rate)} {self.unit}/s" if self.unit else "",
            "" if math.isnan(self.share) else f"{self.share:.0%}",
            "" if math.isnan(self.memory) else f"{self.memory:.2f}",
            "" if math.isnan(self.reserved) else f"{self.reserved:.2f}",
            self.failed or self.note,
        )


def _number(value: float) -> str:
    return "" if math.isnan(value) else f"{value:.3g}"


class Book:
    """The table in a folder, ``gpu_check.csv`` and ``gpu_check.json``: whole after every line."""

    def __init__(self, folder: Path, environment: Mapping[str, Any]):
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.environment, self.lines = folder, environment, []
        _print(HEADER)

    def add(self, line: Line) -> None:
        """Print a line and write all of them."""
        self.lines.append(line)
        _print(line.cells())
        rows = [asdict(each) | {"ok": each.ok} for each in self.lines]
        with (self.folder / "gpu_check.csv").open("w", newline="") as file:
            writer = csv.DictWriter(file, [*(field.name for field in fields(Line)), "ok"])
            writer.writeheader()
            writer.writerows(rows)
        finite = [{key: None if _is_nan(value) else value for key, value in row.items()} for row in rows]
        written = json.dumps({"environment": self.environment, "lines": finite}, indent=1)
        (self.folder / "gpu_check.json").write_text(written + "\n")

    @property
    def ok(self) -> bool:
        """Whether every line is."""
        return all(line.ok for line in self.lines)


def _is_nan(value: Any) -> bool:
    return isinstance(value, float | np.floating) and math.isnan(value)


def _print(cells: tuple[str, ...]) -> None:
    print("  ".join(cell.ljust(width) for cell, width in zip(cells, WIDTHS, strict=True)).rstrip(), flush=True)
