"""Choose one of the three training backends for a run; without torch, since the workflow asks before any job."""

from collections.abc import Mapping
from typing import Any, Literal

from dropscape.models.settings import network_kind

Backend = Literal["stacked", "compiled", "general"]

# Fast backends support only these values.
PLAIN = {"milestones": [], "warmup_steps": None, "label_smoothing": 0, "precision": "float32"}
PLAIN_DESCENT = PLAIN | {"loss": "cross_entropy", "objective": "dropout", "optimizer": "gd", "batch_size": None}
PLAIN_NETWORK = {"initial_scale": None, "output_bias": True}
FEW_INPUTS = 64  # up to so many inputs compiled training is faster than matrix products
COMPILED = {
    "activation": ("tanh", "relu"),
    "objective": ("dropout", "risk", "risk_plus_r1"),
    "optimizer": ("gd", "adam"),
}


def training_backend(settings: Mapping[str, Any]) -> Backend:
    """Choose the backend of a run.

    ``stacked`` trains all seeds as one: gradient descent on the cross-entropy of a fully-connected network with one
    dropout layer, or with a noise in its place. ``compiled`` compiles the steps of a network of one hidden layer with
    few inputs on the squared error; it always runs on the CPU. ``general`` trains any module.
    """
    if has_one_hidden_mask(settings):
        descended = {"objective": "risk"} if settings.get("noise") else {}
        if _has_values(settings, PLAIN_DESCENT | descended) and _has_values(settings["model"], PLAIN_NETWORK):
            return "stacked"
        if _has_values(settings, PLAIN) and _has_compiled_steps(settings):
            return "compiled"
    return "general"


def has_one_hidden_mask(settings: Mapping[str, Any]) -> bool:
    """Say whether a run has a fully-connected network with dropout after one layer, which fast backends support."""
    single = isinstance(settings["keep_prob"], int | float) and isinstance(settings["dropout_after"], int)
    return single and network_kind(settings["model"]["name"]).is_fully_connected


def _has_values(settings: Mapping[str, Any], expected: Mapping[str, Any]) -> bool:
    return all(settings[key] == value for key, value in expected.items())


def _has_compiled_steps(settings: Mapping[str, Any]) -> bool:
    values, widths = {**settings["model"], **settings}, settings["model"]["widths"]
    small = len(widths) == 3 and widths[0] <= FEW_INPUTS
    return small and values["loss"] == "mse" and all(values[key] in known for key, known in COMPILED.items())
