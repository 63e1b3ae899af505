"""Learning rates along a training."""

from dataclasses import dataclass


@dataclass(frozen=True)
class LearningRate:
    """A learning rate that changes with the number of steps; as text it is that of the run, ``base``.

    Update t, counted from 1, has base d_model^-0.5 min(t^-0.5, t w^-1.5) with w ``warmup_steps`` (Vaswani et al., 2017,
    eq. 3); None leaves that factor out.
    """

    base: float
    milestones: tuple[int, ...] = ()  # steps from which on it is multiplied by ``decay``, once more at each
    decay: float = 0.1
    warmup_steps: int | None = None
    d_model: int = 1  # width of the transformer; 1 for any other network

    def __format__(self, spec: str) -> str:
        return format(self.base, spec)

    def after(self, step: int) -> float:
        """Return the learning rate of the update that follows ``step`` earlier ones."""
        rate = self.base * self.decay ** sum(step >= milestone for milestone in self.milestones)
        if self.warmup_steps is not None:
            t = step + 1
            rate *= self.d_model**-0.5 * min(t**-0.5, t * self.warmup_steps**-1.5)
        return rate
