"""ResNet-20 of He et al. (2016; paper A, App. A)."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from dropscape.models.settings import BATCH_NORM, NetworkSettings
from dropscape.schema import Count


class ResNet20Settings(NetworkSettings):
    """The residual network of He et al. (2016) for 32x32 images."""

    label: ClassVar = "ResNet-20"
    notes: ClassVar = (BATCH_NORM, "dropout follows each convolution's batch norm, not the shortcuts")

    name: Literal["resnet20"] = Field(description="ResNet-20.")
    classes: Annotated[int, Field(ge=2)] = Field(description="Outputs; as many as the dataset has classes.")
    width: Count = Field(16, description="Channels of the first stage; 16 is the published network.")
    blocks: Count = Field(3, description="Residual blocks in each of the three stages; 3 is ResNet-20.")

    @classmethod
    def build(cls, classes: int, width: int = 16, blocks: int = 3):
        """Build a network of 6 * blocks + 2 layers in three stages of width, 2 width and 4 width channels.

        He et al.'s form for CIFAR (section 4.2): shortcuts without parameters (their option A), global average pooling,
        one dense layer.
        """
        from dropscape.models.resnet import resnet

        return resnet(classes, width, stages=3, blocks=blocks, projection=False)
