"""The typed configuration of the experiments on sub-networks and convergence (paper D)."""

from collections.abc import Sequence
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Discriminator, Field, Tag, field_validator, model_validator

from dropscape.measurement import StageExperiment, Task
from dropscape.schema import BY_NAME, ONE, Count, KeepProb, Name, Positive, Strict
from dropscape.subnetworks.distributions import DISTRIBUTIONS

Compared = Literal["per_example", "plain", "alone"]
# Networks of a table of accuracies; those of a compared training end in its name.
Tested = Literal[
    "full", "visited", "random", "pruned",
    "full_per_example", "random_per_example", "full_plain", "random_plain", "full_alone",
]  # fmt: skip


class DistributionSettings(Strict):
    """A distribution whose margin is known; every iteration has a fresh example, as the theorems have it."""

    distribution: Literal["caps", "sectors"] = Field(
        description="`caps`: two opposite caps of the sphere, which a linear classifier separates; `sectors`: four "
        "sectors, which none does."
    )
    dimension: Annotated[int, Field(ge=2)] = Field(description="Inputs.")
    separation: Annotated[float, Field(gt=0, lt=1)] = Field(description="How far apart the classes are; decides gamma.")
    test_examples: Count = Field(description="Examples on which errors are measured.")

    @model_validator(mode="after")
    def _dimensions(self):
        smallest = DISTRIBUTIONS[self.distribution].min_dimension
        if self.dimension < smallest:
            raise ValueError(f"dimension is {self.dimension}: write at least {smallest} for {self.distribution}")
        return self


class ImagesSettings(Strict):
    """Grey images of a dataset."""

    dataset: Name = Field("mnist", description="Name of a dataset of grey images.")
    train_examples: Count = Field(description="The first so many training examples are used.")
    test_examples: Count = Field(description="The first so many test examples are used.")


class CnnDataSettings(ImagesSettings):
    """Images that a convolutional network trains and is tested on."""

    normalisation: Literal["unit", "channel"] = Field(
        "channel",
        description="`unit`: grey levels from 0 to 1; `channel`: their published mean and deviation taken out besides, "
        "with which a small learning rate takes hold several times sooner.",
    )


class TwoClassesSettings(ImagesSettings):
    """Images of two classes, each of length 1; their margin is not known."""

    digits: Annotated[list[Annotated[int, Field(ge=0)]], Field(min_length=2, max_length=2)] = Field(
        description="The two classes; the first one is labelled +1."
    )

    @field_validator("digits")
    @classmethod
    def _two(cls, digits: list[int]) -> list[int]:
        if digits[0] == digits[1]:
            raise ValueError(f"digits {digits} names one class: write two")
        return digits


class _Networks(StageExperiment):
    network: ClassVar[str]  # what figures call it

    widths: list[Count] = Field(description="Widths m of the layer under dropout.", min_length=1)
    keep_probs: list[KeepProb] = Field(
        description="Probabilities that a unit is kept (the paper's q of Algorithm 1 and p of section 6).", min_length=1
    )
    learning_rate: Positive = Field(description="Learning rate.")
    recorded_steps: Annotated[int, Field(ge=2)] = Field(description="Iterates that are tested, at most.")

    @field_validator("widths", "keep_probs")
    @classmethod
    def _once(cls, values: list[float]) -> list[float]:
        if len(set(values)) != len(values):
            raise ValueError(f"{values} names a value twice: write each once")
        return values

    @property
    def dataset(self) -> str | None:
        """Name of the dataset that it reads; None for a distribution."""
        return getattr(self.data, "dataset", None)

    @property
    def described(self) -> dict[str, Any]:
        """What a figure's text says of it."""
        examples = self.steps if self.dataset is None else self.data.train_examples
        return {"model": self.network, "train_examples": examples}


def _form(data: Any) -> str:
    """Tell which of the two forms ``data`` has."""
    fresh = "distribution" in data if isinstance(data, dict) else isinstance(data, DistributionSettings)
    return ONE if fresh else BY_NAME


class TwoLayerSettings(_Networks):
    """Algorithm 1 (section 3) on a two-layer ReLU network for each width, keep probability and seed."""

    network: ClassVar = "two-layer ReLU"

    algorithm: Literal["two_layer"] = Field(description="`two_layer`: Algorithm 1; `cnn`: the network of section 6.")
    data: Annotated[
        Annotated[DistributionSettings, Tag(ONE)] | Annotated[TwoClassesSettings, Tag(BY_NAME)], Discriminator(_form)
    ] = Field(description="What it learns: a distribution or two classes of images.")
    steps: Count = Field(description="Iterations T, each with one example and one mask.")
    max_norm: Positive | None = Field(
        None, description="Bound c of the projection; null takes that of Theorem 4.1, without its margin for images."
    )

    def tasks(self, device: str) -> Sequence[Task]:
        """Make one job of all networks, and one of the description of a distribution, which no file holds."""
        tables = dict.fromkeys(["errors", "distances", "margins"], "subnetworks")
        tasks = [Task("subnetworks_two_layer", self.model_dump(mode="json"), tables)]
        if self.dataset is None:
            tasks.append(Task("subnetworks_distribution", self.data.model_dump(mode="json")))
        return tasks


class CnnSettings(_Networks):
    """The convolutional network of section 6 for each width, keep probability and seed."""

    network: ClassVar = "convolutional"

    algorithm: Literal["cnn"] = Field(description="`two_layer`: Algorithm 1; `cnn`: the network of section 6.")
    data: CnnDataSettings = Field(description="Which images it trains and is tested on.")
    channels: Annotated[list[Count], Field(min_length=2, max_length=2)] = Field(
        description="Channels of the two convolutions."
    )
    hidden: Count = Field(description="Width of the first dense layer; the second one is under dropout.")
    batch_size: Count = Field(description="Examples of a step.")
    epochs: Count = Field(description="Passes through the training examples.")
    random_masks: Annotated[int, Field(ge=0)] = Field(
        0, description="Random sub-networks that are tested besides, the same along a run."
    )
    compared: list[Compared] = Field(
        [],
        description="Trainings beside those with dropout: `per_example` has a mask for each example instead of one for "
        "the batch; `plain` has no dropout; `alone` neither, and as many units as a mask keeps.",
    )
    compared_widths: list[Count] | None = Field(None, description="At which of the widths; null: at all of them.")

    def tasks(self, device: str) -> Sequence[Task]:
        """Make one job of the networks of each width, and one of the table of them all."""
        settings = self.model_dump(mode="json", exclude={"compared_widths"}) | {"device": device}
        tasks = []
        for width in self.widths:
            of_width = {"widths": [width], "compared": self.compared_at(width)}
            tasks.append(Task("subnetworks_cnn", settings | of_width, on_device=True, wildcards={"width": str(width)}))
        return [*tasks, Task("subnetworks_accuracies", {}, {"accuracies": "subnetworks"})]

    @property
    def tested(self) -> list[str]:
        """The networks of its table of accuracies."""
        random = ["random"] if self.random_masks else []
        compared = {training: ["full"] if training == "alone" else ["full", *random] for training in self.compared}
        others = [f"{name}_{training}" for training, names in compared.items() for name in names]
        return ["full", "visited", "pruned", *random, *others]

    def compared_at(self, width: int) -> list[str]:
        """The trainings beside those of a width."""
        return self.compared if width in (self.compared_widths or self.widths) else []
