import math

import pandas as pd

from dropscape.figures.objectives import LOOKS, run_looks
from dropscape.figures.runs import OBJECTIVE_RUN


def table(*rows):
    """Runs as (run, objective, keep_prob, learning_rate, weight, initial_scale, train_examples) of one experiment."""
    return pd.DataFrame([("mnist", *row, "gd") for row in rows], columns=OBJECTIVE_RUN)


def test_runs_are_named_by_what_differs_and_stand_in_one_order():
    rows = [
        ("a", "risk_plus_r1", 0.9, 0.01, math.nan, math.nan, 100),
        ("b", "dropout", 0.5, 0.01, math.nan, math.nan, 100),
        ("c", "dropout", 0.9, 0.01, math.nan, math.nan, 100),
        ("d", "risk", 1.0, 0.01, math.nan, "0.1, 0.1", 100),
    ]
    looks = run_looks(table(*rows))
    assert [run for _, run in looks] == ["d", "c", "b", "a"]
    assert list(run_looks(table(*rows[::-1])).items()) == list(looks.items())
    assert [look.label.partition(", ")[2] for look in looks.values()] == ["initial scale 0.1, 0.1"] + [
        f"keep {keep_prob}, initial scale default" for keep_prob in (0.9, 0.5, 0.9)
    ]
    assert len({look.colour for look in looks.values()}) == 4
    assert looks["mnist", "c"].colour == LOOKS["dropout"].colour != looks["mnist", "b"].colour


def test_a_penalty_and_a_learning_rate_are_named_where_they_tell_runs_apart():
    looks = run_looks(
        table(
            ("a", "dropout_plus_r2", 0.9, 0.01, 0.1, "", 100),
            ("b", "dropout_plus_r2", 0.9, 0.02, 0.1, "", 100),
            ("c", "dropout_plus_r2", 0.9, 0.02, 0.1, "", 50),
        )
    )
    assert [look.label.partition(", ")[2] for look in looks.values()] == [
        "keep 0.9, lr 0.01, $\\lambda$ 0.1, n = 100",
        "keep 0.9, lr 0.02, $\\lambda$ 0.1, n = 50",
        "keep 0.9, lr 0.02, $\\lambda$ 0.1, n = 100",
    ]


def test_the_same_run_of_two_experiments_looks_the_same():
    one = table(("a", "risk", 1.0, 0.01, math.nan, "", 100), ("b", "dropout", 0.5, 0.01, math.nan, "", 100))
    looks = run_looks(pd.concat([one, one.assign(experiment="cifar")]))
    assert len(looks) == 4 and len(set(looks.values())) == 2
