"""What differs between two results, as tables. Nothing here reads a file or draws."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from dropscape.comparison.results import Results

JUDGED = ("holds", "fails")
_CLAIM = ["claim", "study", "figure", "statement"]
_SIDES = ["verdict", "points_to", "value", "low", "high", "expected", "rests_on", "deviations"]


@dataclass(frozen=True)
class Comparison:
    """Two results beside each other; the columns of what each has end in ``_a`` and ``_b``.

    Attributes:
        a, b: the names of the two.
        claims: a row for each claim that both have: what it says, ``verdict``, ``points_to``, ``value``, ``low``,
            ``high``, ``expected``, ``rests_on`` and ``deviations`` of each, ``change`` (as ``change`` says it, "" for
            none) and ``apart`` (as ``apart`` says it).
        only: a row for each claim that one alone has: ``claim``, ``statement``, ``side`` (a or b), ``verdict`` and
            ``value``.
        figures: ``figure`` and ``difference`` of what it draws, in words; "" where nothing differs.
        settings: ``setting``, ``a``, ``b`` and the jobs, ``where``.
        environment: ``what``, ``a``, ``b``: versions, devices and machines that differ.
    """

    a: str
    b: str
    claims: pd.DataFrame
    only: pd.DataFrame
    figures: pd.DataFrame
    settings: pd.DataFrame
    environment: pd.DataFrame

    @property
    def flips(self) -> pd.DataFrame:
        """The claims whose verdict is another one or is there no longer."""
        return self.claims[self.claims["change"].isin(["flipped", "lost"])]

    @property
    def apart(self) -> pd.DataFrame:
        """The claims whose values differ by more than their intervals."""
        return self.claims[self.claims["apart"] == "yes"]


def compare(a: Results, b: Results) -> Comparison:
    """Set two results beside each other, the first one as the one before."""
    both, only = _claims(a, b)
    names = sorted({*a.tables, *b.tables})
    return Comparison(
        a.name,
        b.name,
        both,
        only,
        pd.DataFrame([(name, figure_difference(a, b, name)) for name in names], columns=["figure", "difference"]),
        _settings(a.settings, b.settings),
        pd.DataFrame(
            [
                (key, a.environment.get(key, "not recorded"), b.environment.get(key, "not recorded"))
                for key in sorted({*a.environment, *b.environment})
                if a.environment.get(key) != b.environment.get(key)
            ],
            columns=["what", "a", "b"],
        ),
    )


def change(claim: Mapping[str, Any]) -> str:
    """How a verdict changed: flipped, lost, new, points elsewhere, or "" for not at all."""
    before, after = claim["verdict_a"], claim["verdict_b"]
    if before in JUDGED and after in JUDGED:
        return "" if before == after else "flipped"
    if before in JUDGED:
        return "lost"
    if after in JUDGED:
        return "new"
    return "" if claim["points_to_a"] == claim["points_to_b"] else "points elsewhere"


def apart(claim: Mapping[str, Any]) -> str:
    """Whether two values differ by more than their intervals: yes, no, or "no interval" where one has none."""
    bounds = [claim[f"{end}_{side}"] for side in "ab" for end in ("low", "high")]
    if any(pd.isna(bound) for bound in bounds):
        return "no interval"
    low_a, high_a, low_b, high_b = bounds
    return "yes" if high_a < low_b or high_b < low_a else "no"


def figure_difference(a: Results, b: Results, figure: str) -> str:
    """What differs in the table that a figure draws, in words; "" for nothing.

    Numbers are compared relative to the largest one of their column.
    """
    for one, other in ((a, b), (b, a)):
        if figure not in one.tables:
            return f"only in {other.name}"
    ours, theirs = a.tables[figure], b.tables[figure]
    if ours.equals(theirs):
        return ""
    if list(ours) != list(theirs):
        return "other columns"
    if len(ours) != len(theirs):
        return f"{len(theirs):,} rows for {len(ours):,}"
    numbers = [column for column in ours if _is_measured(ours[column]) and _is_measured(theirs[column])]
    rest = [column for column in ours if column not in numbers]
    if not ours[rest].equals(theirs[rest]):
        return "other rows"
    gaps = [column for column in numbers if not ours[column].isna().equals(theirs[column].isna())]
    if gaps:
        return f"{', '.join(gaps)} has numbers in other rows"
    shares = {column: _largest_share(ours[column], theirs[column]) for column in numbers}
    largest = max(shares, key=shares.__getitem__)
    return f"up to {100 * shares[largest]:.2g} % of the largest {largest}"


def _is_measured(column: pd.Series) -> bool:
    return pd.api.types.is_float_dtype(column) and not column.isna().all()


def _largest_share(ours: pd.Series, theirs: pd.Series) -> float:
    largest = max(ours.abs().max(), theirs.abs().max())
    return float((ours - theirs).abs().max() / largest) if largest > 0 else 0.0


def _claims(a: Results, b: Results) -> tuple[pd.DataFrame, pd.DataFrame]:
    empty = pd.DataFrame(columns=[*_CLAIM, *_SIDES])
    ours, theirs = (empty if one.claims is None else one.claims[[*_CLAIM, *_SIDES]] for one in (a, b))
    merged = ours.merge(theirs, on="claim", how="outer", suffixes=("_a", "_b"), indicator=True, sort=False)
    order = {claim: place for place, claim in enumerate([*ours["claim"], *theirs["claim"]])}
    merged = merged.sort_values("claim", key=lambda names: names.map(order), ignore_index=True)
    both = merged[merged["_merge"] == "both"].reset_index(drop=True)
    shared = both.rename(columns={f"{key}_a": key for key in _CLAIM[1:]})
    shared = shared[[*_CLAIM, *(f"{key}_{side}" for key in _SIDES for side in "ab")]]
    rows = shared.to_dict("records")
    shared = shared.assign(change=[change(row) for row in rows], apart=[apart(row) for row in rows])
    alone = [
        {"claim": row["claim"], "side": side} | {key: row[f"{key}_{side}"] for key in ("statement", "verdict", "value")}
        for row in merged.to_dict("records")
        if (side := {"left_only": "a", "right_only": "b"}.get(row["_merge"]))
    ]
    return shared, pd.DataFrame(alone, columns=["claim", "statement", "side", "verdict", "value"])


def _settings(a: Mapping[str, Mapping[str, Any]], b: Mapping[str, Mapping[str, Any]]) -> pd.DataFrame:
    """Each setting with its two values once, and the jobs that have them; jobs that one alone has."""
    found: dict[tuple[str, str, str], list[str]] = {}
    for job in sorted({*a} & {*b}):
        for key in sorted({*a[job], *b[job]}):
            ours, theirs = (_shown(one[job].get(key, "not there")) for one in (a, b))
            if ours != theirs:
                found.setdefault((key, ours, theirs), []).append(job)
    rows = [(*values, _jobs(jobs)) for values, jobs in found.items()]
    for said, jobs in ((("made", "not made"), {*a} - {*b}), (("not made", "made"), {*b} - {*a})):
        if jobs and a and b:
            rows.append(("jobs", *said, _jobs(sorted(jobs))))
    return pd.DataFrame(rows, columns=["setting", "a", "b", "where"])


def _jobs(jobs: Iterable[str]) -> str:
    """The experiments, or the rules of jobs without one, with how many jobs each has."""
    counts: dict[str, int] = {}
    for job in jobs:
        rule, _, rest = job.partition(" ")
        owner = rest.partition("/")[0] or rule
        counts[owner] = counts.get(owner, 0) + 1
    return ", ".join(f"{owner} ({count} job{'s' if count > 1 else ''})" for owner, count in counts.items())


def _shown(value: Any) -> str:
    return "none" if value is None else str(value)
