"""What the typed configuration says of one run, with the experiment's defaults filled in."""

from typing import Any

from dropscape.config.settings import ExperimentSettings
from dropscape.training.roads import road_of


def settings_of_run(experiment: ExperimentSettings, name: str, device: str) -> dict[str, Any]:
    """What every stage of the named run chooses from, as plain values."""
    run = experiment.runs[name]
    data, model = experiment.data.model_dump(), experiment.model.model_dump()
    if run.train_examples is not None:
        data["train_examples"] = run.train_examples
    if run.initial_scale is not None:
        model["initial_scale"] = run.initial_scale
    return {
        "data": data | {"one_hot": experiment.loss == "mse"},
        "model": model,
        "loss": experiment.loss,
        "label_smoothing": experiment.training.label_smoothing,
        "micro_batch": experiment.training.micro_batch,
        "block": experiment.block,
        "seeds": experiment.seeds,
        "device": device,
        "keep_prob": run.keep_prob,
        "dropout_after": run.dropout_after or experiment.dropout.dropout_after,
        "mask_mode": run.mask_mode or experiment.dropout.mask_mode,
    }


def training_settings(experiment: ExperimentSettings, name: str, device: str) -> dict[str, Any]:
    """What decides the named run's training, and nothing else.

    One whose steps are compiled for the processor has that as its device, whatever the user's.
    """
    run = experiment.runs[name]
    settings = (
        settings_of_run(experiment, name, device)
        | {
            "learning_rate": run.learning_rate,
            "objective": run.objective,
            "penalty": run.penalty,
            "start": run.start,
            "recorded_steps": recorded_steps(experiment),
        }
        | experiment.training.model_dump()
    )
    return settings | {"device": "cpu"} if road_of(settings) == "two_layer" else settings


def recorded_steps(experiment: ExperimentSettings) -> int:
    """How many steps of a training are recorded; where several stages read them, all say the same."""
    readers = [experiment.alignment, experiment.condensation]
    return next((reader.recorded_steps for reader in readers if reader), 1)
