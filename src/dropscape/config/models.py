"""The typed configuration of the networks: one model of settings per architecture, told apart by ``name``."""

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from dropscape.config.fields import Count, Function, Positive, Strict


class FullyConnectedSettings(Strict):
    """A fully-connected network."""

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

    def check_initial_scale(self, scale: list[float], where: str) -> None:
        """Refuse another number of scales than layers.

        Raises:
            ValueError: in a sentence that says what to write.
        """
        layers = len(self.widths) - 1
        if len(scale) != layers:
            raise ValueError(f"{where} gives {len(scale)} numbers as initial_scale for {layers} layers: write {layers}")


class VggSettings(Strict):
    """A VGG network for 32x32 images, with batch normalisation."""

    name: Literal["vgg9", "vgg16"] = Field(description="VGG-9 of Li et al. (2018), or VGG-16.")
    classes: Annotated[int, Field(ge=2)] = Field(description="Outputs; as many as the dataset has classes.")
    width: Positive = Field(1.0, description="Multiplies every number of channels; 1 is the published network.")


class ResNetSettings(Strict):
    """The residual network of He et al. (2016) for 32x32 images."""

    name: Literal["resnet20"] = Field(description="ResNet-20.")
    classes: Annotated[int, Field(ge=2)] = Field(description="Outputs; as many as the dataset has classes.")
    width: Count = Field(16, description="Channels of the first stage; 16 is the published network.")
    blocks: Count = Field(3, description="Residual blocks in each of the three stages; 3 is ResNet-20.")


class ResNet18Settings(Strict):
    """ResNet-18 of He et al. (2016) in its form for 32x32 images."""

    name: Literal["resnet18"] = Field(description="ResNet-18.")
    classes: Annotated[int, Field(ge=2)] = Field(description="Outputs; as many as the dataset has classes.")
    width: Count = Field(64, description="Channels of the first of the four stages; 64 is the published network.")


class TransformerSettings(Strict):
    """The encoder-decoder of Vaswani et al. (2017); the vocabularies are those of the examples."""

    name: Literal["transformer"] = Field(description="The transformer.")
    d_model: Count = Field(50, description="Width of the embeddings and of every sub-layer's output.")
    d_k: Count = Field(20, description="Width of a head's queries, keys and values.")
    d_ff: Count = Field(256, description="Hidden width of the feed-forward sub-layers.")
    heads: Count = Field(4, description="Heads of every attention.")
    layers: Count = Field(3, description="Layers of the encoder and of the decoder, each.")


class OwnModelSettings(Strict):
    """A module of your own."""

    name: Literal["own"] = Field(description="Your own module.")
    function: Function = Field(
        description="`package.module:function`, importable; called with `arguments`, returns a torch.nn.Module that "
        "maps (n, ...) inputs to (n, classes) outputs.",
    )
    arguments: dict[str, Any] = Field({}, description="Keyword arguments of the function.")


ModelSettings = Annotated[
    FullyConnectedSettings | VggSettings | ResNetSettings | ResNet18Settings | TransformerSettings | OwnModelSettings,
    Field(discriminator="name"),
]
MODEL_NAMES = ("fnn", "vgg9", "vgg16", "resnet20", "resnet18", "transformer", "own")
