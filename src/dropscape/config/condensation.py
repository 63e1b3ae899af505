"""The typed configuration of what is looked at in the weights of a layer's neurons (paper B, section VI)."""

from typing import Annotated

from pydantic import Field, model_validator

from dropscape.config.fields import Strict
from dropscape.config.models import FullyConnectedSettings, ModelSettings

Number = Annotated[float, Field(allow_inf_nan=False)]


class CondensationSettings(Strict):
    """Orientations of the neurons of some layers along training, and the function of a one-dimensional network."""

    layers: list[str] = Field(
        description="Parameter names of the weights of the layers whose neurons are looked at, for example "
        "[layers.0.weight]; a neuron's bias belongs to its input weight.",
        min_length=1,
    )
    threshold: Annotated[float, Field(gt=0.71, lt=1)] = Field(
        0.95, description="Two vectors count as parallel where their cosine is above this (0.71: 45 degrees)."
    )
    recorded_steps: Annotated[int, Field(ge=2)] = Field(
        description="Steps of the training at which it is measured, half log-spaced, half even; 2 are both ends."
    )
    interval: Annotated[list[Number], Field(min_length=2, max_length=2)] | None = Field(
        None,
        description="Ends of the interval on which the function of a network with one input and one output is drawn "
        "and measured; null leaves that out.",
    )

    @model_validator(mode="after")
    def _ordered(self):
        if self.interval and not self.interval[0] < self.interval[1]:
            raise ValueError(f"interval is {self.interval}: write its lower end first")
        return self

    def check_model(self, model: ModelSettings) -> None:
        """Refuse what a network of these settings does not have.

        Raises:
            ValueError: an interval without one input and one output, or a layer that a fully-connected network has
                no neurons in.
        """
        fully_connected = isinstance(model, FullyConnectedSettings)
        if self.interval and not (fully_connected and model.widths[0] == model.widths[-1] == 1):
            raise ValueError("condensation.interval needs a fully-connected network whose model.widths are [1, ..., 1]")
        hidden = [f"layers.{index}.weight" for index in range(len(model.widths) - 2)] if fully_connected else []
        for name in self.layers:
            if fully_connected and name not in hidden:
                raise ValueError(
                    f"condensation.layers names '{name}', which is no hidden layer: write one of {', '.join(hidden)}"
                )
