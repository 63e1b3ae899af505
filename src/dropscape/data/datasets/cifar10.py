"""CIFAR-10 (Krizhevsky, 2009)."""

from typing import ClassVar

from dropscape.data.kind import ReleasedDataset


class Cifar10(ReleasedDataset):
    """CIFAR-10 (Krizhevsky, 2009)."""

    title = "CIFAR-10"
    channels = ((0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616))
    sizes: ClassVar = {"official": (50_000, 10_000), "embedded": (4_096, 1_024)}
    example_shape = (3, 32, 32)
    outputs = 10
    example_bytes = 3_073

    @classmethod
    def release(cls):
        """Import the release."""
        from dropscape.data.cifar import CIFAR10

        return CIFAR10

    @staticmethod
    def embedded():
        """Generate textures of ten classes."""
        from dropscape.data import textures

        return textures.embedded(10)
