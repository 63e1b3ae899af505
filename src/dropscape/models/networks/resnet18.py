"""ResNet-18 of He et al. (2016) in its form for 32x32 images (paper B, Fig. 7(c))."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from dropscape.models.settings import BATCH_NORM, NetworkSettings
from dropscape.schema import Count


class ResNet18Settings(NetworkSettings):
    """ResNet-18 of He et al. (2016) in its form for 32x32 images."""

    label: ClassVar = "ResNet-18"
    notes: ClassVar = (BATCH_NORM, "dropout follows each convolution's batch norm, not the shortcuts")

    name: Literal["resnet18"] = Field(description="ResNet-18.")
    classes: Annotated[int, Field(ge=2)] = Field(description="Outputs; as many as the dataset has classes.")
    width: Count = Field(64, description="Channels of the first of the four stages; 64 is the published network.")

    @classmethod
    def build(cls, classes: int, width: int = 64):
        """Build four stages of two residual blocks, of width, 2, 4 and 8 width channels.

        He et al.'s Table 1 is for images of 224 pixels; for 32 the first convolution is 3 x 3 and no pooling follows
        it, as is commonly done. Shortcuts between stages are 1 x 1 convolutions with batch norm (their option B).

        The first convolutions of the second and the third stage, paper B's conv2-1 and conv3-1, are
        ``stage2.0.conv1.weight`` and ``stage3.0.conv1.weight``.
        """
        from dropscape.models.resnet import resnet

        return resnet(classes, width, stages=4, blocks=2, projection=True)
