import pandas as pd

from dropscape.artifacts.files import write_table
from dropscape.figures.tables.content import count_undefined, first_reason, of_runs, variant

DEFAULT = {"dropout_after": 1, "mask_mode": "per_example"}


def test_a_variant_is_named_by_what_differs():
    assert variant({"dropout_after": 1, "mask_mode": "per_example"}, DEFAULT) == ""
    assert variant({"dropout_after": 2, "mask_mode": "shared"}, DEFAULT) == "after layer 2, shared masks"
    assert variant(DEFAULT, {"dropout_after": 2, "mask_mode": "shared"}) == "after layer 1, per-example masks"


def test_tentative_keep_prob_stands_in_place_of_the_trainings(tmp_path):
    write_table(tmp_path / "a.csv", pd.DataFrame({"step": [0, 0], "keep_prob": [0.9, 0.5]}))
    write_table(tmp_path / "b.csv", pd.DataFrame({"step": [0]}))
    runs = {name: {"keep_prob": 1.0, "learning_rate": 0.1} | DEFAULT for name in ("a", "b")}
    table = of_runs({"runs": runs, "dropout": DEFAULT}, [tmp_path / "a.csv", tmp_path / "b.csv"])
    assert list(table["run"]) == ["a", "a", "b"]
    assert list(table["keep_prob"]) == [0.9, 0.5, 1.0]


def test_first_reason_wins_and_reasons_are_counted():
    index = pd.RangeIndex(4)
    reasons = first_reason(
        index,
        [(pd.Series([True, False, False, False]), "one"), (pd.Series([True, True, True, False]), "two")],
    )
    assert list(reasons) == ["one", "two", "two", ""]
    assert count_undefined("points", reasons) == {"of": "points", "points": 4, "reasons": {"two": 2, "one": 1}}
