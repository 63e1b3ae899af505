"""Draws dropout masks: which units are kept (paper A section 3.3; the papers write p for the keep probability).

Masks are units-major, shape (..., units, examples): a dense layer then multiplies them from the left, and a
softmax over the outputs runs along the slow axis.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from dropscape.errors import ConfigurationError
from dropscape.numerics.seeds import numpy_generator, torch_generator

MASK_MODES = ("per_example", "shared")

_LEVELS = 1 << 16  # a 16-bit draw takes one of so many values


def check_keep_prob(keep_prob: float) -> None:
    """Raise a ConfigurationError if the keep probability is outside (0, 1]."""
    if not 0 < keep_prob <= 1:
        raise ConfigurationError(
            f"keep_prob is {keep_prob}; it is the probability that a unit is KEPT and must be in (0, 1] "
            "(torch.nn.Dropout's p is the share that is DROPPED: write keep_prob = 1 - p)."
        )


def check_mask_mode(mask_mode: str) -> None:
    """Raise a ConfigurationError if the mask mode is not one of ``MASK_MODES``."""
    if mask_mode not in MASK_MODES:
        raise ConfigurationError(f"mask_mode is '{mask_mode}'; write one of {', '.join(MASK_MODES)}.")


def mask_variance(keep_prob: float) -> float:
    """Compute the variance (1 - keep_prob)/keep_prob of a mask's entries, 0 or 1/keep_prob (paper C eq. 3)."""
    check_keep_prob(keep_prob)
    return (1.0 - keep_prob) / keep_prob


def mask_generator(seed: int, stage: str, purpose: str, device: torch.device) -> np.random.Generator | torch.Generator:
    """Make a generator of masks on a device: numpy's SFC64 on a CPU, torch's elsewhere, which gives different masks.

    Torch's ``bernoulli_`` would take some ten times as long on a CPU.
    """
    if device.type == "cpu":
        return numpy_generator(seed, stage, purpose)
    return torch_generator(seed, stage, purpose, str(device))


class ExactDraw:
    """Fills tensors of booleans whose every entry is True with probability ``keep_prob``, exact to float64.

    A 16-bit comparison alone would round the probability to a multiple of 2^-16, so the rest is made up by a
    second, rare event: with ``a`` the largest multiple of 2^-16 that is at most the probability ``r`` of the less
    likely outcome, an entry takes that outcome if its 16 bits say so (probability ``a``) or if it lies in an
    independent random set that holds each entry with probability ``(r - a)/(1 - a)``. The set is drawn as its
    binomial size and its positions without replacement, some ten entries in a million, so exactness costs no pass
    over the mask. At ``keep_prob`` 1 nothing is drawn; outside (0, 1] it is a ConfigurationError.
    """

    def __init__(self, keep_prob: float):
        check_keep_prob(keep_prob)
        self.keep_prob = float(keep_prob)
        # The less likely outcome is the one that is compared and completed, which keeps the rare set rare.
        self.rare_is_kept = self.keep_prob <= 0.5
        rare = self.keep_prob if self.rare_is_kept else 1.0 - self.keep_prob
        self.threshold = np.uint16(rare * _LEVELS)
        level = int(self.threshold) / _LEVELS
        self.completion = (rare - level) / (1.0 - level)

    def __call__(self, generator: np.random.Generator | torch.Generator, out: Tensor) -> Tensor:
        """Fill ``out`` (bool, contiguous, on the device of the ``mask_generator``)."""
        if self.keep_prob == 1.0:
            return out.fill_(True)
        if isinstance(generator, torch.Generator):
            # 53-bit uniforms compared in float64: the same probability, and memory on a GPU is cheap to pass over.
            uniform = torch.rand(out.shape, dtype=torch.float64, device=out.device, generator=generator)
            return torch.lt(uniform, self.keep_prob, out=out)
        size, kept = out.numel(), out.numpy()
        words = generator.bit_generator.random_raw(-(-size // 4)).view(np.uint16)[:size]
        compare = np.less if self.rare_is_kept else np.greater_equal
        compare(words.reshape(kept.shape), self.threshold, out=kept)
        completed = generator.binomial(size, self.completion) if self.completion > 0 else 0
        if completed:
            where = generator.choice(size, completed, replace=False, shuffle=False)
            kept[np.unravel_index(where, kept.shape)] = self.rare_is_kept
        return out


class MaskSource:
    """An endless sequence of independent dropout masks, their entries drawn by ``ExactDraw``.

    What does not fit, such as an unknown ``mask_mode``, is a ConfigurationError.

    Args:
        keep_prob: the probability that a unit is kept, in (0, 1]. At 1 nothing is drawn.
        shape: (..., units, examples).
        seed: one run seed for the whole mask; or S of them for a shape (S, ..., units, examples), each with a
            separate stream, so that a seed's masks do not depend on which seeds are batched with it.
        stage, purpose: what the masks are for; part of the generators' seeds.
        mask_mode: ``per_example`` draws each entry independently; ``shared`` draws one mask for all examples, and
            the last dimension is 1.
        device: where the masks are wanted; another kind gives different masks.
    """

    def __init__(
        self,
        keep_prob: float,
        shape: tuple[int, ...],
        seed: int | Sequence[int],
        stage: str,
        purpose: str,
        mask_mode: str = "per_example",
        device: str = "cpu",
    ):
        self._draw = ExactDraw(keep_prob)
        check_mask_mode(mask_mode)
        batched = not isinstance(seed, int | np.integer)
        if batched and (len(shape) < 3 or len(seed) != shape[0]):
            raise ConfigurationError(
                f"masks of shape {tuple(shape)} do not fit {len(seed)} seeds; a list of S seeds needs the shape "
                "(S, units, examples)."
            )
        self.shape = (*shape[:-1], 1) if mask_mode == "shared" else tuple(shape)
        self.device = torch.device(device)
        self._batched = batched
        seeds = list(seed) if batched else [seed]
        self._generators = [mask_generator(one, stage, purpose, self.device) for one in seeds]

    def next(self, out: Tensor | None = None) -> Tensor:
        """Draw the next mask: bool, True where a unit is kept, of shape ``self.shape``; into ``out`` if given."""
        if out is None:
            out = torch.empty(self.shape, dtype=torch.bool, device=self.device)
        for generator, piece in zip(self._generators, out if self._batched else [out], strict=True):
            self._draw(generator, piece)
        return out

    def state(self) -> dict:
        """Save the position in the sequence, as plain lists and numbers that JSON keeps exactly."""
        if self.device.type == "cpu":
            states = [generator.bit_generator.state for generator in self._generators]
            return {"generators": [{**one, "state": one["state"]["state"].tolist()} for one in states]}
        return {"generators": [generator.get_state().tolist() for generator in self._generators]}

    def load_state(self, state: dict) -> None:
        """Go on from a ``state()`` of a source with the same arguments: the following masks are the same bits."""
        saved = state["generators"]
        if len(saved) != len(self._generators):
            raise ConfigurationError(
                f"the checkpoint holds {len(saved)} seeds, but this run has {len(self._generators)}; delete the "
                "checkpoint to start this run anew."
            )
        for generator, one in zip(self._generators, saved, strict=True):
            if self.device.type == "cpu":
                words = np.array(one["state"], dtype=np.uint64)
                generator.bit_generator.state = {**one, "state": {"state": words}}
            else:
                generator.set_state(torch.tensor(one, dtype=torch.uint8))
