"""Tables of the equations stage with a known answer, for figures of paper C."""

import numpy as np
import pandas as pd

from tests.figures.made import Made

POINTS = {
    "lr0.005-keep0.9": {"learning_rate": 0.005, "keep_prob": 0.9},
    "lr0.1-keep0.9": {"learning_rate": 0.1, "keep_prob": 0.9},
    "lr0.1-keep0.5": {"learning_rate": 0.1, "keep_prob": 0.5},
    "lr1-keep0.3": {"learning_rate": 1.0, "keep_prob": 0.3},
}
STEPS = np.unique(np.r_[0, np.geomspace(1, 400, 12).round(), np.linspace(0, 400, 13).round()]).astype(int)
LOST = {("dropout", 2): 60, ("order_1", 1): 40, ("order_1", 4): 90}  # at the last point
SLOPES = {"order_1": 1.0, "order_2": 2.0, "drift_1": 1.0, "drift_2": 1.0, "descent": 1.0}
RATES = (0.4, 0.2, 0.1, 0.05)
KEEP_PROBS = (0.5, 0.7, 0.9)


def trajectories(methods=("dropout", "order_1", "descent"), trials=6, lost=LOST, points=POINTS):
    """Losses that fall from 1 with the learning rate; those of ``lost`` grow and are NaN from the step on."""
    rows = []
    for point in points.values():
        for method in methods:
            for trial in range(trials):
                drift = 0.1 * np.sin(trial + 1.0) + (0.02 if method == "order_1" else 0.0)
                loss = (1 + drift) * (0.05 + np.exp(-STEPS * point["learning_rate"] / 4))
                step_of_loss = lost.get((method, trial)) if point["keep_prob"] == 0.3 else None
                if step_of_loss is not None:
                    loss = np.where(step_of_loss > STEPS, loss * np.exp(STEPS / 8), np.nan)
                accuracy = np.where(np.isnan(loss), np.nan, 0.9 - 0.8 * np.minimum(loss, 1) + 0.02 * drift)
                columns = {"step": STEPS, "loss": loss, "test_loss": 1.2 * loss, "test_accuracy": accuracy}
                rows.append(pd.DataFrame(point | {"method": method, "trial": trial, "seed": trial // 3} | columns))
    return pd.concat(rows)


def weak_errors(error=1e-4, trials=4000, functions=("mean", "risk")):
    """Errors (1 - p) eta^order, half as large a step before; ``error`` is the standard error of every square."""
    rows = []
    for method, slope in SLOPES.items():
        for keep_prob in KEEP_PROBS:
            for rate in RATES:
                for function in functions:
                    for step, norm in enumerate(np.array([0.5, 1.0]) * (1 - keep_prob) * rate**slope):
                        rows.append(
                            {"method": method, "keep_prob": keep_prob, "learning_rate": rate, "step": step}
                            | {"function": function, "squared": norm**2, "squared_error": error, "norm": norm}
                            | {"norm_error": error / (2 * norm), "norm_of_mean": norm}
                            | {"sampling_error": error**0.5, "trials": trials}
                        )
    return pd.DataFrame(rows[::-1])


def few_trials():
    """Three repetitions around a slope of one half."""
    return pd.DataFrame(
        [
            {"method": method, "keep_prob": keep_prob, "learning_rate": rate, "repetition": number}
            | {"norm": (1 - keep_prob) * rate**slope}
            for method in ("dropout", "order_1", "order_2")
            for keep_prob in KEEP_PROBS
            for rate in RATES
            for number, slope in enumerate((0.4, 0.5, 0.6))
        ]
    )


def noises():
    """Losses that fall by half at each step, traces that grow to 8, 4, 2, ... times 1 + 0.1 trial, of five trials.

    The last trial of sgd diverges after the first step.
    """
    rows = []
    methods = ("descent", "dropout", "sgd", "parameter_noise", "dropout_mean", "parameter_noise_mean")
    for index, method in enumerate(methods):
        factor = 8 / 2**index
        for trial in range(5):
            for step in range(5):
                values = {"trace": factor * (1 + 0.1 * trial) * (step + 1) / 5, "loss": 0.1 / 2**step}
                values |= {"test_accuracy": 0.9 - factor / 100}
                if (method, trial) == ("sgd", 4) and step:
                    values = dict.fromkeys(values, np.nan)
                rows.append({"method": method, "seed": 0, "trial": trial, "step": step} | values)
    return pd.DataFrame(rows)


MATRICES = {"cosine": 0.9, "error": 0.3}
PAIRS = ("hessian", "covariance", "covariance_shuffled", "example", "example_shuffled")
DIRECTIONS = ("rank", "rank_rotated", "overlap", "overlap_rotated")


def matrices(trials=4, steps=(0, 1, 20, 400)):
    """Tr Sigma is (1 + trial) / learning rate; every cosine is 0.9, every error 0.3, a rank or overlap 0.5."""
    known = {f"{pair}_{what}": value for pair in PAIRS for what, value in MATRICES.items()} | dict.fromkeys(
        DIRECTIONS, 0.5
    )
    return pd.DataFrame(
        point | {"seed": 0, "trial": trial, "step": step, "trace": (1 + trial) / point["learning_rate"]} | known
        for point in POINTS.values()
        for trial in range(trials)
        for step in steps
    )


def merging(batches=3):
    """Gaps of half the learning rate on average, largest at the second of three steps; a constant risk gap of 1."""
    return pd.DataFrame(
        {"keep_prob": keep_prob, "learning_rate": rate, "step": step, "seed": 0, "batch": batch, "risk_gap": -1.0}
        | {"gap": rate * (0.5 if step == 2 else 0.1) * (batch + 1) / 2}
        for keep_prob in (0.5, 0.9)
        for rate in RATES
        for step in (1, 2, 3)
        for batch in range(batches)
    )


def made_matrices(folder):
    """The figure of exact matrices from the tables above."""
    norms = trajectories(lost={}).assign(norm=lambda rows: 3 - rows["loss"])
    return _made(folder, "exact_matrices", {"matrices": [matrices()], "merging": [merging()], "trajectories": [norms]})


TABLES = {
    "trajectories": ("trajectories", trajectories),
    "test_trajectories": ("trajectories", trajectories),
    "weak_errors": ("weak_errors", weak_errors),
    "noises": ("noises", noises),
}


def made(folder, kind, table=None, runs=POINTS, estimated=None, **options):
    """A figure of the kind from the table, or from the one above."""
    name, build = TABLES[kind]
    tables = {name: [build() if table is None else table]}
    tables |= {"few_trials": [few_trials()]} if name == "weak_errors" else {}
    return _made(folder, kind, tables, runs, estimated, **options)


def _made(folder, kind, tables, runs=POINTS, estimated=None, **options):
    experiment = {"name": "mnist_small", "model": "50 tanh units", "title": "MNIST", "train_examples": 1000}
    experiment |= {"samples": None, "seeds": [0, 1], "runs": runs, "side": 7, "loss": "mse"}
    experiment |= {"estimated": estimated}
    return Made(folder, kind, [experiment], tables, **options)
