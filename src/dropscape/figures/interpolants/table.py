"""Functions through the same points and what R_1 charges for them (paper B, Fig. 11)."""

from dropscape.figures.content import FigureContent, Settings, TableFiles


def table(figure: Settings, tables: TableFiles) -> FigureContent:
    """Every curve with its points and intercepts, and one row of numbers for each.

    points: curve, kind (``output``, ``point`` or ``intercept``), x, output, slope_change, reason. summary: curve, r1,
    r1_ratio (to the minimal curve's), convexity_changes, intercepts (how many), risk.
    """
    rows = tables.theory_table("interpolants")
    rows = rows[rows["kind"] != "width"]
    by_curve = rows.groupby("curve", sort=False)
    numbers = by_curve[["r1", "r1_ratio", "convexity_changes", "risk"]].first()
    intercepts = by_curve["kind"].agg(lambda kinds: int((kinds == "intercept").sum()))
    reason = rows["output"].isna().map({True: "no output", False: ""})
    points = rows[["curve", "kind", "x", "output", "slope_change"]].assign(reason=reason)
    summary = numbers.assign(intercepts=intercepts).reset_index()
    facts = {"neurons": int(rows["neurons"].iloc[0]), "keep_prob": float(rows["keep_prob"].iloc[0])}
    return FigureContent.counted(points, summary, "outputs", **facts)
