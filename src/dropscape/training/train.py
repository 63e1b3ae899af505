"""Training with any of the backends."""

import math
from collections.abc import Callable, Mapping
from dataclasses import fields
from typing import Any

from torch import Tensor

from dropscape.models.registry import keep_probs
from dropscape.numerics.schedules import even_schedule, recording_schedule
from dropscape.training.backends import training_backend
from dropscape.training.checkpoint import Checkpoint
from dropscape.training.compiled import CompiledRun, CompiledTraining
from dropscape.training.general import GeneralRun, GeneralTraining
from dropscape.training.optimizers import LearningRate
from dropscape.training.recording import Start, TrainingConfig, TrainingResult
from dropscape.training.stacked import StackedRun, StackedTraining

CONFIGS = {"stacked": StackedTraining, "compiled": CompiledTraining, "general": GeneralTraining}
RUNS = {StackedTraining: StackedRun, CompiledTraining: CompiledRun, GeneralTraining: GeneralRun}


def training_config(settings: Mapping[str, Any]) -> StackedTraining | CompiledTraining | GeneralTraining:
    """Return the training that a run's settings describe, on its backend (``backends``).

    It takes ``steps``, or flow_time / learning_rate of them, and then those of the trajectory.
    """
    kind, model = CONFIGS[training_backend(settings)], settings["model"]
    steps = settings["steps"] or math.ceil(settings["flow_time"] / settings["learning_rate"] - 1e-9)
    steps += settings["trajectory_steps"]
    values = {
        "noise": None,
        **model,
        **settings,
        "steps": steps,
        "recorded": recording_schedule(steps, settings["recorded_steps"]),
        # The training itself ends before the trajectory: accuracies are compared there.
        "history": sorted({*even_schedule(steps, settings["history_points"]), steps - settings["trajectory_steps"]}),
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


def train(
    config: TrainingConfig,
    train_inputs: Tensor,
    train_targets: Tensor,
    test_inputs: Tensor,
    test_targets: Tensor,
    *,
    start: Start = None,
    device: str = "cpu",
    checkpoint: Checkpoint | None = None,
    progress: Callable[..., None] | None = None,
) -> TrainingResult:
    """Train every seed by ``config.steps`` steps (paper A, section 3.3 and App. A; paper B, eq. 2 and 7).

    The result has the same bits however often the training was interrupted, on the same machine with the same number
    of threads; that of a compiled training has them with any number. The backend says what inputs and targets it takes.

    ``checkpoint`` and ``progress`` are those of ``TrainingRun.finish``. A DivergenceError says that a seed's loss is no
    longer finite, a ConfigurationError that settings, network and data do not fit each other.
    """
    examples = (train_inputs, train_targets), (test_inputs, test_targets)
    return RUNS[type(config)](config, *examples, start, device).finish(checkpoint, progress)
