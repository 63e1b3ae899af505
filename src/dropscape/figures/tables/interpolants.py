"""Functions through the same points and what R_1 charges for them (paper B, Fig. 11)."""

from collections.abc import Mapping, Sequence
from typing import Any

from dropscape.artifacts.files import read_table
from dropscape.figures.tables.content import Content, count_undefined


def table(experiments: Sequence[Mapping[str, Any]], inputs: Mapping[str, Sequence[str]]) -> Content:
    """Every curve with its points and intercepts, and one row of numbers for each.

    Args:
        experiments: none.
        inputs: ``interpolants``, the one table of theory.

    Returns:
        points: curve, kind (``output``, ``point`` or ``intercept``), x, output, bend, reason. summary: curve, r1,
        r1_ratio (to the minimal curve's), convexity_changes, intercepts (how many), risk.
    """
    (path,) = inputs["interpolants"]
    rows = read_table(path)
    of_curve = rows.groupby("curve", sort=False)
    numbers = of_curve[["r1", "r1_ratio", "convexity_changes", "risk"]].first()
    intercepts = of_curve["kind"].agg(lambda kinds: int((kinds == "intercept").sum()))
    points = rows[["curve", "kind", "x", "output", "bend"]].assign(
        reason=rows["output"].isna().map({True: "no output", False: ""})
    )
    return Content(
        points=points,
        summary=numbers.assign(intercepts=intercepts).reset_index(),
        undefined=[count_undefined("outputs", points["reason"])],
        facts={"neurons": int(rows["neurons"].iloc[0]), "keep_prob": float(rows["keep_prob"].iloc[0])},
    )
