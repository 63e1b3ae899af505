"""What a measurement says of itself: its settings, the jobs that it takes and the tables that they write.

A package that measures something has a module ``settings.py`` with a subclass of ``Measurement`` (a section of an
experiment, measured on the experiment's trained runs) or of ``StageExperiment`` (an experiment of its own, in a section
of the study that is named after the package). Nothing lists them: the configuration finds them there.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field

from dropscape.schema import Seeds, Strict

if TYPE_CHECKING:
    from dropscape.config.experiment import ExperimentSettings
    from dropscape.resolved.experiment import TrainedExperiment
    from dropscape.resolved.run import ResolvedRun


@dataclass(frozen=True)
class Task:
    """One job of a run or of an experiment.

    Attributes:
        rule: the rule of the workflow.
        settings: everything that decides the job's results, JSON-able.
        tables: the folder below the results of each table that it writes, by the table's name.
        on_device: whether it computes where ``device`` says.
        wildcards: of the rule, besides those of the experiment and the run.
    """

    rule: str
    settings: Mapping[str, Any]
    tables: Mapping[str, str] = field(default_factory=dict)
    on_device: bool = False
    wildcards: Mapping[str, str] = field(default_factory=dict)

    @property
    def gpus(self) -> int:
        """How many GPUs the job asks for; ``auto`` asks too, since only the job can see whether there is one."""
        return int(self.on_device and self.settings["device"] != "cpu")


class Measurement(Strict):
    """What is measured on the runs of an experiment.

    Attributes:
        section: the key of the experiment that holds it.
        summary: what the key means, for the reference page.
    """

    section: ClassVar[str]
    summary: ClassVar[str]

    def check(self, experiment: "ExperimentSettings") -> None:
        """Refuse what the experiment does not have.

        Raises:
            ValueError: in a sentence that says what to write.
        """

    def tasks(self, run: "ResolvedRun") -> Sequence[Task]:
        """The jobs that it takes on a run."""
        return ()

    def experiment_tasks(self, experiment: "TrainedExperiment") -> Sequence[Task]:
        """The jobs that it takes once for all runs of an experiment."""
        return ()


class StageExperiment(Strict):
    """An experiment with set-ups that no training shares, whose jobs are its own."""

    seeds: Seeds = Field(description="Seeds of everything random.")

    @property
    def dataset(self) -> str | None:
        """Name of the dataset that it reads; None for one that makes its own examples and describes them itself."""
        raise NotImplementedError

    @property
    def runs(self) -> Mapping[str, Any]:
        """What a figure may choose from by name, with a ``keep_prob`` and a ``learning_rate`` each."""
        return {}

    @property
    def described(self) -> dict[str, Any]:
        """What a figure's text says of it: ``model``, ``train_examples`` and whatever its kinds need."""
        raise NotImplementedError

    def tasks(self, device: str) -> Sequence[Task]:
        """Its jobs.

        Args:
            device: what the user's configuration says.
        """
        raise NotImplementedError
