"""VGG-16 for 32 x 32 images (paper C, Fig. 3b)."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from dropscape.models.settings import BATCH_NORM, NetworkSettings
from dropscape.schema import Positive


class Vgg16Settings(NetworkSettings):
    """VGG-16 for 32x32 images, with batch normalisation."""

    label: ClassVar = "VGG-16"
    notes: ClassVar = (BATCH_NORM,)

    name: Literal["vgg16"] = Field(description="VGG-16.")
    classes: Annotated[int, Field(ge=2)] = Field(description="Outputs; as many as the dataset has classes.")
    width: Positive = Field(1.0, description="Multiplies every number of channels; 1 is the published network.")

    @classmethod
    def build(cls, classes: int, width: float = 1.0):
        """Build the network with dropout after each block's first two convolutions and the first dense layer."""
        from dropscape.models.vgg import vgg

        blocks = [(64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512)]
        return vgg(blocks, classes, width, dropouts_in_block=2, dropout_after_dense=True)
