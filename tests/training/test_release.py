"""A training that is done is gone at once: on a GPU its tensors and its graph take the memory of the next one."""

import gc
import weakref

import pytest

from dropscape.training.general import GeneralRun
from dropscape.training.stacked import StackedRun
from tests.gpu.trainings import CLASSES, STACKED, examples


@pytest.mark.parametrize("kind, config", [(StackedRun, STACKED), (GeneralRun, CLASSES)])
def test_nothing_keeps_a_finished_training(kind, config):
    run = kind(config, examples(config, 16), examples(config, 8, seed=1), None, "cpu")
    run.finish()
    gone = weakref.ref(run)
    gc.collect()
    gc.disable()
    try:
        del run
        assert gone() is None
    finally:
        gc.enable()
