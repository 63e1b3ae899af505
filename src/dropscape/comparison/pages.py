"""A comparison as a page of HTML, as Markdown, as csv files and as a few lines for a terminal."""

import base64
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
from jinja2 import Environment, StrictUndefined

from dropscape.artifacts.files import atomic_write
from dropscape.comparison.results import Results
from dropscape.comparison.tables import Comparison
from dropscape.report.verdicts import judgement, measured

TEMPLATE = Path(__file__).with_name("page.html.jinja")
MOST_LINES = 12  # of a part, on a terminal
_CHANGES = {
    "flipped": "the verdict is the opposite one",
    "lost": "there is no verdict any more",
    "new": "there is a verdict now",
    "points elsewhere": "not judged; the value alone says the opposite",
}

_RANKS = ("flipped", "lost", "yes", "new", "points elsewhere", "")  # of changes, and of values that are apart


def write_comparison(folder: Path, found: Comparison, sides: tuple[Results, Results]) -> Path:
    """Write ``comparison.html``, ``comparison.md`` and a csv of each table; return the page.

    The page holds its pictures: of each figure that differs both, and the two in one panel where that is possible.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("claims", "only", "figures", "settings", "environment"):
        with atomic_write(folder / f"{name}.csv") as temporary:
            getattr(found, name).to_csv(temporary, index=False)
    with atomic_write(folder / "comparison.md") as temporary:
        temporary.write_text(markdown(found), encoding="utf-8")
    page = folder / "comparison.html"
    with atomic_write(page) as temporary:
        temporary.write_text(html(found, sides), encoding="utf-8")
    return page


def summary(found: Comparison) -> str:
    """What differs, in one line."""
    counts = [
        f"{len(found.flips)} of {len(found.claims)} verdicts flipped or lost",
        f"{len(found.apart)} values differ by more than their intervals",
        f"{len(found.only)} claims in one alone",
        f"{sum(found.figures['difference'] != '')} of {len(found.figures)} figures differ",
        f"{len(found.settings)} settings differ",
        f"{len(found.environment)} versions or machines differ",
    ]
    return f"{'; '.join(counts)}."


def claims_beside(found: Comparison) -> pd.DataFrame:
    """The claims of both, those that changed first: claim, both verdicts and values as text, and what changed."""
    rows, ranks = [], []
    for row in found.claims.to_dict("records"):
        sides = [
            {key: row[f"{key}_{side}"] for key in ("verdict", "points_to", "value", "low", "high")} for side in "ab"
        ]
        said = [_CHANGES[row["change"]]] if row["change"] else []
        said += ["apart by more than their intervals"] if row["apart"] == "yes" else []
        said += (
            [f"expected {row['expected_b']} for {row['expected_a']}"] if row["expected_a"] != row["expected_b"] else []
        )
        ranks.append(min(_RANKS.index(key) for key in (row["change"], row["apart"], "") if key in _RANKS))
        rows.append(
            {
                "claim": row["claim"],
                "statement": row["statement"],
                "verdict_a": judgement(sides[0]),
                "verdict_b": judgement(sides[1]),
                "value_a": measured(sides[0]),
                "value_b": measured(sides[1]),
                "differs": "; ".join(said),
            }
        )
    columns = ["claim", "statement", "verdict_a", "verdict_b", "value_a", "value_b", "differs"]
    order = sorted(range(len(rows)), key=lambda place: (ranks[place], not rows[place]["differs"]))
    return pd.DataFrame([rows[place] for place in order], columns=columns)


def terminal(found: Comparison) -> str:
    """The summary and what differs, as text."""
    claims = claims_beside(found)
    parts = [
        ("Claims that differ", claims[claims["differs"] != ""].drop(columns="statement")),
        ("Settings that differ", found.settings),
        ("Versions and machines that differ", found.environment),
    ]
    lines = [f"A is {found.a}, B is {found.b}.", summary(found)]
    for title, table in parts:
        if len(table):
            lines += ["", f"{title}:", *_columns(table.head(MOST_LINES))]
            lines += [f"... and {len(table) - MOST_LINES} more"] if len(table) > MOST_LINES else []
    return "\n".join(lines)


def markdown(found: Comparison) -> str:
    """The whole comparison but for the pictures."""
    only = found.only.assign(side=found.only["side"].map({"a": found.a, "b": found.b}))
    parts = [
        ("Claims", claims_beside(found)),
        ("Claims in one alone", only),
        ("Settings that differ", found.settings),
        ("Versions and machines that differ", found.environment),
        ("Figures that differ", found.figures[found.figures["difference"] != ""]),
    ]
    lines = [f"# {found.a} (A) and {found.b} (B)", "", summary(found)]
    for title, table in parts:
        lines += ["", f"## {title}", "", *(_markdown_table(table) if len(table) else ["None."])]
    return "\n".join(lines) + "\n"


def html(found: Comparison, sides: tuple[Results, Results]) -> str:
    """The whole comparison as one page that needs no other file."""
    environment = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=StrictUndefined)
    only = found.only.assign(side=found.only["side"].map({"a": "A", "b": "B"}))
    tables = {
        "claims": claims_beside(found),
        "only": only,
        "settings": found.settings,
        "environment": found.environment,
    }
    same = found.figures.loc[found.figures["difference"] == "", "figure"]
    return environment.from_string(TEMPLATE.read_text(encoding="utf-8")).render(
        a=found.a,
        b=found.b,
        summary=summary(found),
        headings={name: [_heading(column) for column in table] for name, table in tables.items()},
        tables={name: table.astype(str).to_dict("records") for name, table in tables.items()},
        figures=_figures(found, sides),
        same=", ".join(same),
    )


def _figures(found: Comparison, sides: tuple[Results, Results]) -> list[dict[str, object]]:
    """Each figure that differs: its name, what differs and its pictures as data addresses."""
    from dropscape.comparison.drawing import overlay

    shown = []
    for name, difference in found.figures.itertuples(index=False):
        if not difference:
            continue
        pictures = [(side.name, _address(side.pictures[name].read_bytes())) for side in sides if name in side.pictures]
        summaries = [side.summaries[name] for side in sides if name in side.summaries]
        both = overlay(*summaries, (found.a, found.b)) if len(summaries) == 2 else None
        shown.append(
            {"name": name, "difference": difference, "pictures": pictures, "overlay": _address(both) if both else ""}
        )
    return shown


def _address(png: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(png).decode()}"


def _heading(column: str) -> str:
    """A column as people read it: ``verdict A`` for ``verdict_a``."""
    name, _, side = column.rpartition("_")
    return f"{name} {side.upper()}" if name and side in "ab" else column.upper() if column in "ab" else column


def _columns(table: pd.DataFrame) -> list[str]:
    rows = [[_heading(column) for column in table], *table.map(_short).to_numpy().tolist()]
    widths = [max(map(len, cells)) for cells in zip(*rows, strict=True)]
    return ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]


def _short(value: object) -> str:
    text = str(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _markdown_table(table: pd.DataFrame) -> Sequence[str]:
    rows = [
        [_heading(column) for column in table],
        ["---"] * len(table.columns),
        *table.astype(str).to_numpy().tolist(),
    ]
    return ["| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in row) + " |" for row in rows]
