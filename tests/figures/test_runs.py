import math

import pandas as pd
import pytest

from dropscape.artifacts.files import write_table
from dropscape.artifacts.tables import TableFiles
from dropscape.figures.runs import (
    along_training,
    dropout_run_tables,
    end_points,
    objective_run,
    objective_run_tables,
    variant,
)
from tests.figures.of_objectives import experiment, run

DEFAULT = {"dropout_after": 1, "mask_mode": "per_example"}


def dropout_tables(folder, table, frames):
    """An experiment with a run for each frame, and its tables."""
    files = {name: {table: str(folder / f"{name}.csv")} for name in frames}
    for name, frame in frames.items():
        write_table(files[name][table], frame)
    runs = {name: {"keep_prob": 1.0, "learning_rate": 0.1} | DEFAULT for name in frames}
    experiment = {"name": "mnist", "runs": runs, "dropout": DEFAULT}
    return experiment, TableFiles({"runs": {"mnist": files}, "experiments": {}, "theory": {}})


def test_a_variant_is_named_by_what_differs():
    assert variant({"dropout_after": 1, "mask_mode": "per_example"}, DEFAULT) == ""
    assert variant({"dropout_after": 2, "mask_mode": "shared"}, DEFAULT) == "after layer 2, shared masks"
    assert variant(DEFAULT, {"dropout_after": 2, "mask_mode": "shared"}) == "after layer 1, per-example masks"


def test_tentative_keep_prob_replaces_the_trainings(tmp_path):
    frames = {"a": pd.DataFrame({"step": [0, 0], "keep_prob": [0.9, 0.5]}), "b": pd.DataFrame({"step": [0]})}
    table = dropout_run_tables(*dropout_tables(tmp_path, "alignment", frames), "alignment")
    assert list(table["run"]) == ["a", "a", "b"]
    assert list(table["keep_prob"]) == [0.9, 0.5, 1.0]


def test_a_run_without_the_table_is_left_out(tmp_path):
    frames = {name: pd.DataFrame({"step": [0]}) for name in ("a", "b")}
    experiment, _ = dropout_tables(tmp_path, "baseline", frames)
    files = TableFiles({"runs": {"mnist": {"a": {"baseline": str(tmp_path / "a.csv")}, "b": {}}}})
    assert list(dropout_run_tables(experiment, files, "baseline")["run"]) == ["a"]


def test_only_values_that_are_not_finite_have_a_reason(tmp_path):
    frame = pd.DataFrame({"seed": [0, 1, 0, 1], "step": [0, 0, 5, 5]}).assign(
        a=[1.0, 4.0, math.nan, 2.0],
        b=[1.0, 1.0, 1.0, math.inf],
        undefined=[math.nan, math.nan, "The Hessian is zero: no cosine.", math.nan],
    )
    points = along_training(*dropout_tables(tmp_path, "alignment", {"r": frame}), {"a": "first", "b": "second"})
    reasons = points[points["reason"] != ""].set_index(["quantity", "seed", "step"])["reason"]
    assert reasons.to_dict() == {
        ("first", 0, 5): "The Hessian is zero: no cosine.",
        ("second", 1, 5): "not a finite number",
    }


@pytest.mark.parametrize(
    ("settings", "column", "value"),
    [
        (run("dropout", 1.0), "objective", "risk"),
        (run("dropout", [0.8, 0.5]), "keep_prob", 0.5),
        (run("dropout_plus_r2", learning_rate=0.02), "gradient_penalty_weight", 0.02),
        (run("dropout_plus_r2", gradient_penalty_weight=0.3), "gradient_penalty_weight", 0.3),
        (run(initial_scale=[1.0, 0.5]), "initial_scale", "1, 0.5"),
        (run(), "initial_scale", ""),
    ],
)
def test_a_run_is_described_by_what_it_descends(settings, column, value):
    assert objective_run(experiment({"a": settings}), "a")[column] == value


def test_what_a_run_descends_is_said_by_its_settings_and_not_by_a_column_of_its_table(tmp_path):
    """A history's column ``objective`` is the value that is descended."""
    described = experiment({"a": run("risk_plus_r1", 0.9)})
    path = tmp_path / "a.csv"
    write_table(path, pd.DataFrame({"step": [0], "objective": [0.25], "keep_prob": [0.5]}))
    tables = TableFiles({"runs": {described["name"]: {"a": {"history": str(path)}}}})
    (row,) = objective_run_tables({"experiments": [described]}, tables, "history").to_dict("records")
    assert (row["objective"], row["keep_prob"], row["step"]) == ("risk_plus_r1", 0.9, 0)


def test_an_end_point_is_the_end_of_training_before_the_steps_of_a_trajectory(tmp_path):
    history = pd.DataFrame({"seed": [4, 0, 4, 0, 0, 4], "step": [9, 9, 14, 14, 0, 0], "test_accuracy": range(6)})
    write_table(tmp_path / "history.csv", history)
    files = {"runs": {"mnist": {name: {"history": str(tmp_path / "history.csv")} for name in ("short", "long")}}}
    tables = TableFiles(files | {"experiments": {}, "theory": {}})
    points = {"short": {"keep_prob": [0.9, 0.8], "trajectory_steps": 5}, "long": {"keep_prob": 1}}
    points = {name: point | {"optimizer": "gd"} for name, point in points.items()}
    found = list(end_points({"experiments": [{"name": "mnist", "runs": points}]}, tables))
    assert [end["keep_prob"] for end, _ in found] == [0.8, 1]
    assert [rows["test_accuracy"].to_dict() for _, rows in found] == [{0: 1, 4: 0}, {0: 3, 4: 2}]
