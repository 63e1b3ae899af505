"""Lets simulations on the pretended GPU draw what they draw on a processor: their generators there are others."""

from collections.abc import Iterator
from contextlib import contextmanager
from unittest import mock

from dropscape.equations.draws import Draws
from dropscape.numerics.seeds import numpy_generator


@contextmanager
def same_draws() -> Iterator[None]:
    """Inside, the normals on a GPU are those of the processor, copied."""
    normals = Draws._normals

    def generators(draws: Draws, variable: str, step: int):
        purpose = f"{draws._purpose}/{variable}/{step}"
        return [numpy_generator(seed, "equations", purpose) for seed in draws._seeds]

    def copied(draws: Draws, *drawn):
        return normals(draws, *drawn).to(draws._device)

    with mock.patch.multiple(Draws, _generators=generators, _normals=copied):
        yield
