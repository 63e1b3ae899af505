"""VGG-9 of Li et al. (2018), for 32 x 32 images (paper A, App. A)."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from dropscape.models.settings import BATCH_NORM, NetworkSettings
from dropscape.schema import Positive


class Vgg9Settings(NetworkSettings):
    """VGG-9 for 32x32 images, with batch normalisation."""

    label: ClassVar = "VGG-9"
    notes: ClassVar = (BATCH_NORM,)

    name: Literal["vgg9"] = Field(description="VGG-9 of Li et al. (2018).")
    classes: Annotated[int, Field(ge=2)] = Field(description="Outputs; as many as the dataset has classes.")
    width: Positive = Field(1.0, description="Multiplies every number of channels; 1 is the published network.")

    @classmethod
    def build(cls, classes: int, width: float = 1.0):
        """Build the network with dropout after the pooling layers (paper A, App. A)."""
        from dropscape.models.vgg import vgg

        return vgg([(64, 64), (128, 128), (256, 256, 256)], classes, width, dropout_after_pooling=True)
