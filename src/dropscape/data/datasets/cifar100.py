"""CIFAR-100 (Krizhevsky, 2009)."""

from typing import ClassVar

from dropscape.data.kind import ReleasedDataset


class Cifar100(ReleasedDataset):
    """CIFAR-100 (Krizhevsky, 2009)."""

    title = "CIFAR-100"
    channels = ((0.5071, 0.4865, 0.4409), (0.2673, 0.2564, 0.2762))
    sizes: ClassVar = {"official": (50_000, 10_000), "embedded": (5_000, 1_000)}
    example_shape = (3, 32, 32)
    outputs = 100
    example_bytes = 3_073

    @classmethod
    def release(cls):
        """Import the release."""
        from dropscape.data.cifar import CIFAR100

        return CIFAR100

    @staticmethod
    def embedded():
        """Generate textures of a hundred classes."""
        from dropscape.data import textures

        return textures.embedded(100)
