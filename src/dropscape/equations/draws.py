"""Random numbers of a simulation by the number of its step, so that one that goes on needs nothing but its step.

Dropout and the equations can share their first-order randomness: a unit is kept where its normal exceeds the
(1-p)-quantile, the normal being what the equation's inner steps sum up to. Two simulations with the same seeds and the
same purpose are coupled in this way, with different purposes they are independent.
"""

import math
from collections.abc import Iterator, Sequence
from functools import cached_property

import torch
from scipy import special
from torch import Tensor

from dropscape.dropout.masks import check_keep_prob
from dropscape.errors import ConfigurationError
from dropscape.numerics.random_stream import Draw, RandomStream


class Draws:
    """The standard normals of T trials of networks with m units.

    Args:
        seeds: S of them; each is a stream of its own for T/S consecutive trials, whatever else is in the batch.
        trials: T; a ConfigurationError says that it is not a multiple of S.
        purpose: part of the streams' keys.
        inner_steps: J, how many normals a step has for each variable; their sum over sqrt(J) is again standard.
        dtype: of ``pairs``. ``units`` are float64: masks are made of them, with a probability exact to that.
        device: where they are wanted; two devices agree to rounding.
    """

    def __init__(
        self,
        seeds: Sequence[int],
        trials: int,
        units: int,
        purpose: str,
        inner_steps: int = 1,
        dtype: torch.dtype = torch.float64,
        device: str | torch.device = "cpu",
    ):
        if not seeds or trials % len(seeds):
            raise ConfigurationError(
                f"{trials} trials cannot be shared evenly among {len(seeds)} seeds; write as many trials for each."
            )
        self._units_of, self._pairs_of = (
            [RandomStream(seed, "equations", f"{purpose}/{variable}") for seed in seeds]
            for variable in ("units", "pairs")
        )
        self._each, self._units, self._inner, self._dtype = trials // len(seeds), units, inner_steps, dtype
        self._device = torch.device(device)
        self._count = units * (units - 1) // 2

    def units(self, step: Draw) -> Tensor:
        """Z of every inner step of a step, (J, T, m) float64."""
        shape = (self._inner, self._each, self._units)
        return torch.cat([one.normals(step, shape, torch.float64, self._device) for one in self._units_of], dim=1)

    def pairs(self, step: Draw) -> Iterator[Tensor]:
        """Z of one inner step of a step after the other, (T, m, m) symmetric with zeros on the diagonal."""
        shape = (self._each, self._count)
        packed = torch.zeros(len(self._pairs_of) * self._each, self._count + 1, dtype=self._dtype, device=self._device)
        for inner in range(self._inner):
            for stream, part in zip(self._pairs_of, packed.split(self._each), strict=True):
                part[:, :-1] = stream.normals(step * self._inner + inner, shape, self._dtype, self._device)
            yield packed.index_select(1, self._places).view(-1, self._units, self._units)

    def mask(self, step: Draw, keep_prob: float) -> Tensor:
        """The dropout mask of a step, (T, m) float64 with entries 0 or 1/keep_prob, from the normals of its units."""
        check_keep_prob(keep_prob)
        normals = self.units(step).sum(dim=0).div_(math.sqrt(self._inner))
        return (normals > -special.ndtri(keep_prob)).double().div_(keep_prob)

    @cached_property
    def _places(self) -> Tensor:
        """Where in the packed triangle an entry of the symmetric matrix stands; the diagonal reads a zero behind it."""
        rows, columns = torch.triu_indices(self._units, self._units, 1)
        places = torch.full((self._units, self._units), self._count)
        places[rows, columns] = places[columns, rows] = torch.arange(self._count)
        return places.flatten().to(self._device)
