"""What every experiment has that is one job, or a few, of a stage of its own, with set-ups that no training shares."""

from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import Field, field_validator

from dropscape.config.fields import Strict


class StageExperiment(Strict):
    """An experiment of a stage: a section of that stage's name in a study holds it.

    Attributes:
        stage: the stage, whose rules make its tables.
    """

    stage: ClassVar[str]

    seeds: list[int] = Field(description="Seeds of everything random.", min_length=1)

    @field_validator("seeds")
    @classmethod
    def _distinct(cls, seeds: list[int]) -> list[int]:
        if len(set(seeds)) != len(seeds):
            raise ValueError(f"seeds {seeds} names a seed twice: write each once")
        return seeds

    @property
    def dataset(self) -> str | None:
        """Name of the dataset that it reads; None for one that makes its own examples and describes them itself."""
        raise NotImplementedError

    @property
    def tables(self) -> list[str]:
        """Names of the tables that it has, those that its sections ask for."""
        raise NotImplementedError

    @property
    def runs(self) -> Mapping[str, Any]:
        """What a figure may choose from by name, with a ``keep_prob`` and a ``learning_rate`` each."""
        return {}

    @property
    def described(self) -> dict[str, Any]:
        """What a figure's text says of it: ``model``, ``train_examples`` and whatever its kinds need."""
        raise NotImplementedError
