"""Which of the three roads through training a run takes; without torch, since the workflow asks before any job."""

from collections.abc import Mapping
from typing import Any, Literal

Road = Literal["descent", "two_layer", "full_batch"]

# What the faster trainings have no word for must be as they take it to be.
PLAIN = {"milestones": [], "warmup_steps": None, "label_smoothing": 0, "precision": "float32"}
PLAIN_DESCENT = PLAIN | {"loss": "cross_entropy", "objective": "dropout", "optimizer": "gd", "batch_size": None}
PLAIN_NETWORK = {"initial_scale": None, "output_bias": True}
FEW_INPUTS = 64  # up to which the compiled training of two layers is faster than matrix products
COMPILED = {
    "activation": ("tanh", "relu"),
    "objective": ("dropout", "risk", "risk_plus_r1"),
    "optimizer": ("gd", "adam"),
}


def road_of(settings: Mapping[str, Any]) -> Road:
    """The road that a run's settings describe.

    Gradient descent on the cross-entropy of a fully-connected network with one dropout layer trains all seeds as one
    (``descent``). A network of one hidden layer with few inputs has its steps on the squared error compiled
    (``two_layer``), on the processor whatever the device. Everything else goes the general road (``full_batch``).
    """
    if has_one_hidden_mask(settings):
        if _are(settings, PLAIN_DESCENT) and _are(settings["model"], PLAIN_NETWORK):
            return "descent"
        if _are(settings, PLAIN) and _has_compiled_steps(settings):
            return "two_layer"
    return "full_batch"


def has_one_hidden_mask(settings: Mapping[str, Any]) -> bool:
    """Whether a run is of a fully-connected network with dropout after one layer, for which there are faster ways."""
    single = isinstance(settings["keep_prob"], int | float) and isinstance(settings["dropout_after"], int)
    return settings["model"]["name"] == "fnn" and single


def _are(settings: Mapping[str, Any], expected: Mapping[str, Any]) -> bool:
    return all(settings[key] == value for key, value in expected.items())


def _has_compiled_steps(settings: Mapping[str, Any]) -> bool:
    model = settings["model"]
    return (
        settings["loss"] == "mse"
        and len(model["widths"]) == 3
        and model["widths"][0] <= FEW_INPUTS
        and model["activation"] in COMPILED["activation"]
        and settings["objective"] in COMPILED["objective"]
        and settings["optimizer"] in COMPILED["optimizer"]
    )
