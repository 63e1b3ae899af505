"""How well a regression with one number as input and output predicts, and how well a curve through its points does."""

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike


def normalised_error(outputs: ArrayLike, targets: ArrayLike) -> float:
    """Compute the mean squared error over the variance of the targets (n,); 1 is that of their mean."""
    targets = np.asarray(targets, dtype=np.float64)
    return float(np.mean((np.asarray(outputs) - targets) ** 2) / targets.var())


def normalised_errors(predictions: pd.DataFrame) -> pd.Series:
    """Compute the normalised test error by seed, of a table as ``training.predictions`` makes it."""
    test = predictions[predictions["split"] == "test"]
    errors = {seed: normalised_error(rows["output"], rows["target"]) for seed, rows in test.groupby("seed")}
    return pd.Series(errors, name="error").rename_axis("seed")


def interpolant_error(predictions: pd.DataFrame) -> float:
    """Compute the normalised test error of straight lines between the training points, level beyond the outermost."""
    one = predictions[predictions["seed"] == predictions["seed"].min()]
    points, test = one[one["split"] == "train"].sort_values("x"), one[one["split"] == "test"]
    return normalised_error(np.interp(test["x"], points["x"], points["target"]), test["target"])
