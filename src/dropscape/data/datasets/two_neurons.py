"""A tanh teacher of two neurons, one input (paper B)."""

from typing import ClassVar

from dropscape.data.kind import DatasetKind


class TwoNeurons(DatasetKind):
    """A tanh teacher of two neurons, one input; generated, so that it has no other source."""

    title = "a teacher of two neurons"
    sizes: ClassVar = {"embedded": (64, 1_000)}
    example_shape = (1,)
    outputs = 1

    @staticmethod
    def embedded():
        """Generate the points, always the same."""
        from dropscape.data.points import even, generated, generator, teacher

        target = teacher([1.0, -0.8], [[1.2, 1.0], [-0.7, 0.9]])
        train = generator("two_neurons", "train").uniform(-5.0, 5.0, (64, 1))
        return generated("two_neurons", "a tanh teacher of two neurons, one input", target, train, even(5))
