"""Noise and curvature of dropout as whole matrices along training (paper C, section 5, appendix B, section 6)."""

import pandas as pd

from dropscape.figures import quantities, simulations
from dropscape.figures.content import FigureContent, Settings, TableFiles

SHUFFLED, ROTATED = "_shuffled", "_rotated"
_PAIRS = ("hessian", "covariance", "covariance_shuffled", "example", "example_shuffled")
COSINES, ERRORS = ([f"{pair}_{what}" for pair in _PAIRS] for what in ("cosine", "error"))
DIRECTIONS = ["rank", "rank_rotated", "overlap", "overlap_rotated"]
DIFFUSION, GAPS = "diffusion", ["gap", "risk_gap"]
NORMS = {"dropout": "norm", "order_1": "norm_of_equation"}
_MEASURED = {name: name for name in (*COSINES, *ERRORS, *DIRECTIONS, DIFFUSION)}
_KEYS = ["learning_rate", "keep_prob", "seed", "trial", "time"]


def table(figure: Settings, tables: TableFiles) -> FigureContent:
    """What ``dropscape.equations`` measures on the matrices of one experiment; quantities are named as its columns.

    points: learning_rate, keep_prob, seed, trial, time (learning rate times step), quantity, value, reason; diffusion
    is eta Tr Sigma, norm and norm_of_equation |theta| along dropout and its equation. The largest gap along training
    has no trial and no time. summary: mean, low and high over the trials with a value, trials and undefined. facts:
    model, side and loss.
    """
    (settings,) = figure["experiments"]
    along, merging, trajectories = (
        tables.experiment_table(settings["name"], name) for name in ("matrices", "merging", "trajectories")
    )
    along = along.assign(diffusion=along["learning_rate"] * along["trace"])
    parts = [_over_time(along, _MEASURED)]
    parts += [
        _over_time(trajectories[trajectories["method"] == method], {"norm": name}) for method, name in NORMS.items()
    ]
    setting = ["learning_rate", "keep_prob"]
    largest = merging.groupby([*setting, "step"])[GAPS].mean().abs().groupby(setting).max().reset_index()
    parts.append(quantities.long_form(largest, dict(zip(GAPS, GAPS, strict=True)), setting))
    points = pd.concat(parts, ignore_index=True)
    summary = quantities.over_seeds(points, [*setting, "quantity", "time"], count="trials")
    return FigureContent.counted(points, summary, "measured values", **simulations.inputs_and_loss(settings))


def _over_time(rows: pd.DataFrame, names: dict[str, str]) -> pd.DataFrame:
    return quantities.long_form(rows.assign(time=rows["learning_rate"] * rows["step"]), names, _KEYS)
