"""The course of a training, the same for all of them: go on from a saved state, step, save, give the result."""

import math
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from torch import Tensor

from dropscape.errors import DivergenceError
from dropscape.training.checkpoint import Checkpoint
from dropscape.training.recording import Trained


class Run(Protocol):
    """The moving parts of a training.

    Attributes:
        step: how many steps are done.
        loss: what the last of them descended, the mean over the seeds.
    """

    step: int
    loss: float

    def record(self) -> None:
        """Keep what is wanted of the present step."""

    def advance(self) -> None:
        """One step, without recording it."""

    def state(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Everything that the rest of the training depends on."""

    def restore(self, tensors: dict[str, Tensor], state: dict[str, Any]) -> None:
        """Go on from a ``state``."""

    def result(self) -> Trained:
        """What was trained."""


def refuse_divergence(
    seed: int, loss: float, step: int, learning_rate: float, keep_prob: float | Sequence[float]
) -> None:
    """Stop a training whose loss, after so many steps, has left the finite numbers.

    Raises:
        DivergenceError: in a sentence that names the run's settings and says what to write.
    """
    if not math.isfinite(loss):
        raise DivergenceError(
            f"The training of seed {seed} diverged: its loss is {loss} at step {step} with learning_rate "
            f"{learning_rate:g} and keep_prob {keep_prob}. Write a smaller learning_rate for this run; the other runs "
            "are not affected."
        )


def trained_to_the_end(
    run: Run, steps: int, checkpoint: Checkpoint | None = None, progress: Callable[..., None] | None = None
) -> Trained:
    """The result of a run after ``steps`` steps; interrupted and gone on with, it is the same bit by bit.

    Args:
        run: at its beginning.
        checkpoint: where its state is saved, and was where the run was interrupted.
        progress: called with (done, steps, loss=...) after each step.
    """
    saved = checkpoint.load() if checkpoint else None
    if saved:
        run.restore(*saved)
    else:
        run.record()
    while run.step < steps:
        run.advance()
        run.record()
        if progress:
            progress(run.step, steps, loss=run.loss)
        if checkpoint and checkpoint.due():
            checkpoint.save(*run.state())
    if checkpoint:
        checkpoint.save(*run.state())
    return run.result()
