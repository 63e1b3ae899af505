import pandas as pd

from dropscape.figures.content import FigureContent, count_undefined, first_reason, rows_where


def test_first_reason_wins_and_reasons_are_counted():
    reasons = first_reason(
        {"one": pd.Series([True, False, False, False]), "two": pd.Series([True, True, True, False])},
    )
    assert list(reasons) == ["one", "two", "two", ""]
    assert count_undefined("points", reasons) == {"of": "points", "points": 4, "reasons": {"two": 2, "one": 1}}


def test_all_points_are_counted_together_with_what_the_text_needs():
    points = pd.DataFrame({"reason": ["", "lost", ""]})
    content = FigureContent.counted(points, points, "values", level=3)
    assert content.undefined == [{"of": "values", "points": 3, "reasons": {"lost": 1}}]
    assert content.facts == {"level": 3}


def test_rows_have_every_value():
    table = pd.DataFrame({"run": ["a", "a", "b"], "step": [0, 1, 1], "value": [1, 2, 3]})
    assert rows_where(table, run="a", step=1)["value"].tolist() == [2]
