"""A plateau between two steps, one input (paper B)."""

from typing import ClassVar

from dropscape.data.kind import DatasetKind


class Curve(DatasetKind):
    """A plateau between two steps, one input; generated, so that it has no other source."""

    title = "a one-dimensional curve"
    sizes: ClassVar = {"embedded": (12, 1_000)}
    example_shape = (1,)
    outputs = 1

    @staticmethod
    def embedded():
        """Generate the points, always the same."""
        from dropscape.data.points import even, generated, teacher

        target = teacher([0.5, -0.5], [[1.0, 4.0], [1.0, -4.0]])
        return generated("curve", "a plateau between two steps, one input", target, even(10, 12), even(10))
