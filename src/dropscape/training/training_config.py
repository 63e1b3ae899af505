"""From a run's settings to the configuration of its training."""

import math
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from dropscape.models.registry import keep_probs
from dropscape.numerics.schedules import even_schedule, recording_schedule
from dropscape.training.backends import training_backend
from dropscape.training.compiled import CompiledTraining
from dropscape.training.general import GeneralTraining
from dropscape.training.learning_rates import LearningRate
from dropscape.training.stacked import StackedTraining

CONFIGS = {"stacked": StackedTraining, "compiled": CompiledTraining, "general": GeneralTraining}


def training_config(settings: Mapping[str, Any]) -> StackedTraining | CompiledTraining | GeneralTraining:
    """Return the training that a run's settings describe, on its backend (``backends``).

    It takes ``steps``, or flow_time / learning_rate of them, and then those of the trajectory.
    """
    kind, model = CONFIGS[training_backend(settings)], settings["model"]
    steps = settings["steps"] or math.ceil(settings["flow_time"] / settings["learning_rate"] - 1e-9)
    steps += settings["trajectory_steps"]
    values = {
        **model,
        **settings,
        "steps": steps,
        "recorded": recording_schedule(steps, settings["recorded_steps"]),
        "history": even_schedule(steps, settings["history_points"]),
    }
    if kind is GeneralTraining:
        values["keep_prob"] = keep_probs(settings)
        values["learning_rate"] = LearningRate(
            base=settings["learning_rate"],
            milestones=tuple(settings["milestones"]),
            decay=settings["decay"],
            warmup_steps=settings["warmup_steps"],
            d_model=model.get("d_model", 1),
        )
    wanted = {field.name: values[field.name] for field in fields(kind)}
    return kind(**{name: tuple(value) if isinstance(value, list) else value for name, value in wanted.items()})
