"""What figures of a trajectory say of its drift (paper A, section 3.4.1)."""

from collections.abc import Mapping
from typing import Any

from dropscape.figures import runs
from dropscape.figures.content import Settings, TableFiles

_COLUMNS = ("linear_share", "quadratic_share", "displacement", "loss_fall")


def drift_facts(settings: Settings, tables: TableFiles, table: str) -> dict[str, Any]:
    """The smallest and the largest of each number of a table of drift over the main runs and their seeds."""
    drift = runs.dropout_run_tables(settings, tables, table)
    main = drift[drift["variant"] == ""] if (drift["variant"] == "").any() else drift
    facts = {column: [main[column].min(), main[column].max()] for column in _COLUMNS}
    return {"drift": facts | {"stationary": int(main["stationary"].sum()), "trainings": len(main)}}


def drift_sentence(description: Mapping[str, Any]) -> str:
    """How far the trajectories of the main runs move on while they are sampled."""
    drift = description["drift"]
    share = {key: _range(drift[key], "{:.1%}") for key in ("linear_share", "quadratic_share", "loss_fall")}
    return (
        f"A straight line of the step explains {share['linear_share']} of a raw trajectory's variance and a parabola "
        f"{share['quadratic_share']}; from the first step to the last it moves by "
        f"{_range(drift['displacement'], '{:.1f}')} times the noise's root mean square distance from the parabola, and "
        f"the loss under dropout falls by {share['loss_fall']} (main runs). {drift['stationary']} of "
        f"{drift['trainings']} trajectories are stationary; detrended: without the parabola in each coordinate."
    )


def _range(ends: list[float], form: str) -> str:
    said = [form.format(end).replace("%", " %").replace("-", "\N{MINUS SIGN}") for end in ends]
    return " to ".join(dict.fromkeys(said))
