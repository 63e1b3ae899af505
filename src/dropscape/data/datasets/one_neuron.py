"""A tanh teacher of one neuron, ten inputs (paper B)."""

from typing import ClassVar

from dropscape.data.kind import DatasetKind


class OneNeuron(DatasetKind):
    """A tanh teacher of one neuron, ten inputs; generated, so that it has no other source."""

    title = "a teacher of one neuron"
    sizes: ClassVar = {"embedded": (200, 1_000)}
    example_shape = (10,)
    outputs = 1

    @staticmethod
    def embedded():
        """Generate the points, always the same."""
        from dropscape.data.points import TEST_EXAMPLES, generated, generator, teacher

        # A unit vector in ten dimensions, no coordinate of which stands out.
        direction = [(-1) ** k * 10**-0.5 for k in range(10)]
        train = generator("one_neuron", "train").standard_normal((200, 10))
        test = generator("one_neuron", "test").standard_normal((TEST_EXAMPLES, 10))
        target = teacher([1.0], [[*direction, 0.0]])
        return generated("one_neuron", "a tanh teacher of one neuron, ten inputs", target, train, test)
