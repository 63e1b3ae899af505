"""One run with its experiment's defaults filled in."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from dropscape.config.experiment import ExperimentSettings
from dropscape.measurement import Task
from dropscape.training.backends import training_backend


@dataclass(frozen=True)
class ResolvedRun:
    """One training, and what is measured on it; its seeds are trained in one job.

    Attributes:
        settings: what every measurement chooses from, as plain values: data, model, loss, label_smoothing,
            micro_batch, precision, block, seeds, device, keep_prob, dropout_after and mask_mode.
    """

    experiment: str  # the name of its experiment
    name: str
    settings: Mapping[str, Any]
    learning_rate: float  # as it is written
    objective: str  # what the training descends
    gradient_penalty_weight: float | None  # of R_2; None: the learning rate of the step
    start: str | None  # the run at whose end point it starts; None: at the initialisation
    noise: str | None  # in dropout's place; None: none
    optimizer: str
    _experiment: ExperimentSettings

    @property
    def train_examples(self) -> int:
        """How many it trains on."""
        return self.settings["data"]["train_examples"]

    @cached_property
    def keep_probs(self) -> tuple[float, ...]:
        """The keep probability of every dropout layer, or the one that all of them have."""
        model = self._experiment.model
        found = model.keep_probs(self.settings["model"], self.settings["keep_prob"], self.settings["dropout_after"])
        return (found,) if isinstance(found, int | float) else found

    @cached_property
    def has_noise(self) -> bool:
        """Whether it trains with dropout, so that there is noise to measure."""
        return self.objective != "risk" and set(self.keep_probs) != {1}

    @property
    def is_main(self) -> bool:
        """Whether it has the experiment's own dropout layer and mask mode."""
        return all(self.settings[key] == default for key, default in self._experiment.dropout)

    @property
    def samples(self) -> list[str]:
        """Names of the samples of the noise that are taken."""
        return list(self._experiment.sample_sizes)

    def only(self, *keys: str) -> dict[str, Any]:
        """The named settings, so that a change of another one reruns nothing."""
        return {key: self.settings[key] for key in keys}

    def measures(self, section: str) -> bool:
        """Whether the experiment has the section."""
        return section in self._experiment.measurements

    @cached_property
    def training(self) -> dict[str, Any]:
        """What decides the training, and nothing else. Compiled training always runs on the CPU."""
        settings = {
            **self.settings,
            "learning_rate": self.learning_rate,
            "objective": self.objective,
            "gradient_penalty_weight": self.gradient_penalty_weight,
            "start": self.start,
            "recorded_steps": self._experiment.recorded_steps,
            **self._experiment.training.model_dump(),
            "optimizer": self.optimizer,
        }
        if self.noise:
            settings["noise"] = self.noise
        if not self.has_noise:  # nothing would read its trajectory
            settings["trajectory_steps"] = 0
        return settings | {"device": "cpu"} if training_backend(settings) == "compiled" else settings

    @cached_property
    def tasks(self) -> dict[str, Task]:
        """Its jobs by rule."""
        tables = ("history",) if self._experiment.model.translates else ("history", "predictions")
        tasks = [Task("training", self.training, dict.fromkeys(tables, "training"), on_device=True)]
        if self._experiment.model.translates:
            settings = self.only("data", "model", "seeds", "device")
            tasks.append(Task("training_translation", settings, {"translations": "training"}, on_device=True))
        for measurement in self._experiment.measurements.values():
            tasks += measurement.tasks(self)
        return {task.rule: task for task in tasks}

    @cached_property
    def tables(self) -> dict[str, str]:
        """The folder below the results of each of its tables, by the table's name."""
        return {table: folder for task in self.tasks.values() for table, folder in task.tables.items()}


def resolved_run(experiment: str, settings: ExperimentSettings, name: str, device: str) -> ResolvedRun:
    """The named run of an experiment with these settings; ``device`` is what the user's configuration says."""
    run = settings.runs[name]
    data, model = settings.data.model_dump(), settings.model.model_dump()
    if run.train_examples is not None:
        data["train_examples"] = run.train_examples
    if run.initial_scale is not None:
        model["initial_scale"] = run.initial_scale
    filled = {
        "data": data | {"one_hot": settings.loss == "mse"},
        "model": model,
        "loss": settings.loss,
        "label_smoothing": settings.training.label_smoothing,
        "micro_batch": settings.training.micro_batch,
        "precision": settings.training.precision,
        "block": settings.block,
        "seeds": settings.seeds,
        "device": device,
        "keep_prob": run.keep_prob,
        "dropout_after": run.dropout_after or settings.dropout.dropout_after,
        "mask_mode": run.mask_mode or settings.dropout.mask_mode,
    }
    optimizer = run.optimizer or settings.training.optimizer
    written = (run.learning_rate, run.objective, run.gradient_penalty_weight, run.start, run.noise, optimizer)
    return ResolvedRun(experiment, name, filled, *written, settings)
