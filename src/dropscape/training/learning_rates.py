"""Learning rates along a training."""

from collections.abc import Mapping
from typing import Any

from dropscape.errors import ConfigurationError

SCHEDULES = ("constant", "steps", "warmup")


def learning_rate_at(step: int, learning_rate: float, schedule: Mapping[str, Any]) -> float:
    """The learning rate of the update that follows ``step`` earlier ones.

    Args:
        step: from 0.
        learning_rate: of the run.
        schedule: ``{name: constant}``; ``{name: steps, milestones, factor}``, times ``factor`` from each milestone on;
            or ``{name: warmup, warmup_steps, d_model}``, times d_model^-0.5 min(t^-0.5, t warmup_steps^-1.5) at
            update t counted from 1 (Vaswani et al., 2017, eq. 3; their learning rate is then 1).

    Raises:
        ConfigurationError: an unknown schedule.
    """
    name = schedule["name"]
    if name == "constant":
        return learning_rate
    if name == "steps":
        return learning_rate * schedule["factor"] ** sum(step >= milestone for milestone in schedule["milestones"])
    if name == "warmup":
        t = step + 1
        return learning_rate * schedule["d_model"] ** -0.5 * min(t**-0.5, t * schedule["warmup_steps"] ** -1.5)
    raise ConfigurationError(f"training.schedule is '{name}'; write one of {', '.join(SCHEDULES)}.")
