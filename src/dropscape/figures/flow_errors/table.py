"""How far dropout's mean iterate is from the flows of paper B, by learning rate (eq. 6)."""

from dropscape.figures import quantities
from dropscape.figures.content import FigureContent, Settings, TableFiles
from dropscape.numerics.fits import power_law
from dropscape.numerics.intervals import student

_PANEL = ["masks", "iterate", "flow"]


def table(figure: Settings, tables: TableFiles) -> FigureContent:
    """Errors of all networks, with the order of each flow.

    points: masks, iterate, flow, learning_rate, network, value, reason. summary: geometric mean and range over them;
    slope, slope_low and slope_high, the mean order with its 95 % bounds.
    """
    errors = tables.theory_table("modified_flow")
    points = quantities.long_form(errors, {"error": "error"}, [*_PANEL, "learning_rate", "network"])
    summary = quantities.over_seeds(points, [*_PANEL, "learning_rate"], geometric=True, count="networks")
    slopes = errors.groupby([*_PANEL, "network"]).apply(
        lambda rows: power_law(rows["learning_rate"], rows["error"]).slope, include_groups=False
    )
    found = {key: student(values) for key, values in slopes.groupby(_PANEL)}
    names = {"slope": "value", "slope_low": "low", "slope_high": "high"}
    of_rows = [found[tuple(row)] for row in summary[_PANEL].itertuples(index=False)]
    summary = summary.assign(**{name: [getattr(one, field) for one in of_rows] for name, field in names.items()})
    return FigureContent.counted(points, summary, "errors", networks=int(errors["network"].nunique()))
