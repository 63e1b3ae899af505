"""The figures beyond paper A: trainings under different noise, and the edge of stability."""

import numpy as np
import pandas as pd
import pytest

from dropscape.figures.gradient_noises.table import ACCURACY, EIGENVALUE, LOSS, WIDTH
from dropscape.figures.sharpness.table import DROPOUT, RISK
from tests.figures.made import Made, check_page

SEEDS = (0, 1, 2)
RUNS = {
    "plain": {"keep_prob": 1, "noise": None, "mask_mode": "shared", "learning_rate": 0.1, "dropout_after": 1},
    "dropout": {"keep_prob": 0.8, "noise": None, "mask_mode": "shared", "learning_rate": 0.1, "dropout_after": 1},
    "noise": {"keep_prob": 0.8, "noise": "rotated", "mask_mode": "shared", "learning_rate": 0.1, "dropout_after": 1},
}


def experiment(name="noisy"):
    return {
        "name": name, "dataset": "mnist", "title": "MNIST", "model": "fnn", "network": "FNN", "notes": [],
        "train_examples": 1000, "samples": None,
        "dropout": {"dropout_after": 1, "mask_mode": "shared"}, "seeds": list(SEEDS), "deviations": [], "runs": RUNS,
    }  # fmt: skip


def sharpness():
    rows = []
    for run, settings in RUNS.items():
        for seed in SEEDS:
            for step, value in ((0, 1.0), (9, 4.0 + seed)):
                row = {"run": run, "seed": seed, "step": step, "eigenvalue": value, "trace": 5 * value}
                rows.append(row | {"dropout_eigenvalue": 2 * value if settings["keep_prob"] < 1 else np.nan})
    rows[-1]["eigenvalue"] = -1.0
    return pd.DataFrame(rows)


def run_tables():
    history = pd.DataFrame(
        {"seed": seed, "step": step, "loss": 1 / (1 + step), "test_accuracy": 0.9}
        for seed in SEEDS
        for step in (0, 4, 9)
    )
    widths = pd.DataFrame(
        {"seed": seed, "direction": d, "half_width": width, "judged": judged, "rise": 0.5 if judged else 1.0}
        for seed in SEEDS
        for judged in (True, False)
        for d, width in enumerate((0.5, 2.0, np.nan))
    )
    return history, widths


@pytest.fixture(scope="module")
def noises(tmp_path_factory):
    history, widths = run_tables()
    inputs = {"history": [history] * 3, "slice_widths": [widths] * 3, "sharpness": [sharpness()]}
    return Made(tmp_path_factory.mktemp("noises"), "gradient_noises", [experiment()], inputs, experiment="noisy")


def test_every_quantity_is_there_with_its_mean_over_seeds(noises):
    summary = noises.summary.set_index(["run", "quantity", "step"])
    assert summary.loc[("plain", WIDTH, 9), "mean"] == pytest.approx(1.0)
    assert summary.loc[("plain", EIGENVALUE, 9), "mean"] == pytest.approx((4 * 5 * 6) ** (1 / 3))
    assert summary.loc[("noise", EIGENVALUE, 9), "seeds"] == 2  # one is not positive
    assert summary.loc[("dropout", LOSS, 9), "mean"] == pytest.approx(0.1)
    assert summary.loc[("dropout", ACCURACY, 9), "mean"] == pytest.approx(0.9)
    assert noises.description["rise"] == 0.5
    assert noises.description["undefined"][0]["reasons"] == {"not positive": 1}


@pytest.mark.parametrize("kind", ["gradient_noises", "sharpness"])
def test_it_draws(kind, noises, tmp_path):
    made = noises
    if kind == "sharpness":
        made = Made(tmp_path, kind, [experiment()], {"sharpness": [sharpness()]}, experiment="noisy")
        quantities = made.points.groupby("run")["quantity"].unique()
        assert set(quantities["plain"]) == {RISK} and set(quantities["dropout"]) == {RISK, DROPOUT}
    check_page(made.drawn())
