"""The fully-connected network (paper A, section 3.1)."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

from pydantic import Field, model_validator

from dropscape.models.settings import KeepProbs, NetworkSettings
from dropscape.schema import Count, Positive


class FullyConnectedSettings(NetworkSettings):
    """A fully-connected network."""

    label: ClassVar = "fully-connected network"
    is_fully_connected: ClassVar = True
    has_norms: ClassVar = False
    has_hidden_features: ClassVar = True
    layers_kind: ClassVar = "dense"

    name: Literal["fnn"] = Field(description="The fully-connected network.")
    widths: list[Count] = Field(
        description="Input, hidden and output widths, for example [784, 50, 50, 10].", min_length=3
    )
    activation: Literal["relu", "tanh", "identity"] = Field("relu", description="Activation of the hidden layers.")
    initial_scale: list[Positive] | None = Field(
        None,
        description="Standard deviation of each layer's weights and biases at the start, normally distributed, one "
        "number a layer; the last layer's bias is 0. Null: torch's default initialisation.",
    )
    output_bias: bool = Field(True, description="Whether the last layer has a bias; false keeps it at 0, untrained.")

    @model_validator(mode="after")
    def _one_scale_a_layer(self):
        if self.initial_scale is not None:
            self.check_initial_scale(self.initial_scale, "the model")
        return self

    @property
    def title(self) -> str:
        """The label with the widths, such as ``fully-connected network 784-50-50-10``."""
        return f"{self.label} {'-'.join(map(str, self.widths))}"

    @property
    def layer_widths(self) -> list[int]:
        """Widths of the input, of every hidden layer and of the output."""
        return self.widths

    @property
    def outputs(self) -> int:
        """The output width."""
        return self.widths[-1]

    def check_initial_scale(self, scale: Sequence[float], where: str) -> None:
        """Refuse another number of scales than layers."""
        layers = len(self.widths) - 1
        if len(scale) != layers:
            raise ValueError(f"{where} gives {len(scale)} numbers as initial_scale for {layers} layers: write {layers}")

    @classmethod
    def build(cls, **arguments: Any):
        """Build a network with a dropout layer after each hidden layer."""
        from dropscape.models.masked_fnn import MaskedFullyConnected

        return MaskedFullyConnected(**arguments)

    @classmethod
    def build_without_dropout(cls, **arguments: Any):
        """Build a plain ``FullyConnected``, for which curvature and flatness have their fastest methods."""
        from dropscape.models.fnn import FullyConnected

        return FullyConnected(arguments["widths"], arguments["activation"])

    @classmethod
    def keep_probs(
        cls, settings: Mapping[str, Any], keep_prob: KeepProbs, dropout_after: int | Sequence[int]
    ) -> tuple[float, ...]:
        """Give one keep probability for each hidden layer; 1 where there is no dropout."""
        layers = [dropout_after] if isinstance(dropout_after, int) else dropout_after
        values = [keep_prob] * len(layers) if isinstance(keep_prob, int | float) else keep_prob
        by_layer = dict(zip(layers, values, strict=True))
        return tuple(by_layer.get(layer, 1.0) for layer in range(1, len(settings["widths"]) - 1))

    def input_shape(self, data: Mapping[str, Any]) -> tuple[int, ...]:
        """Give the input width."""
        return (self.widths[0],)
