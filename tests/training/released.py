"""Whether anything keeps a training that has ended."""

import gc
import weakref
from collections.abc import Callable

from dropscape.training.loop import TrainingRun


def is_gone_at_once(start: Callable[[], TrainingRun]) -> bool:
    """Finish a training and let go of it; whether it is gone before Python collects garbage."""
    run = start()
    run.finish()
    gone = weakref.ref(run)
    gc.disable()
    try:
        del run
        return gone() is None
    finally:
        gc.enable()
