"""The plateau of ``curve`` where the kinks of ReLU units lie (paper B)."""

from typing import ClassVar

from dropscape.data.kind import DatasetKind


class NarrowCurve(DatasetKind):
    """The plateau of ``curve`` where the kinks of ReLU units lie; generated, so that it has no other source."""

    title = "a one-dimensional curve"
    sizes: ClassVar = {"embedded": (12, 1_000)}
    example_shape = (1,)
    outputs = 1

    @staticmethod
    def embedded():
        """Generate the points, always the same."""
        from dropscape.data.points import even, generated, teacher

        # The kinks of ReLU units, -b/w, lie close to zero.
        target = teacher([0.5, -0.5], [[5.0, 4.0], [5.0, -4.0]])
        return generated("narrow_curve", "a plateau between two steps, one input", target, even(2, 12), even(2))
