"""A training that is done is gone at once: on a GPU its tensors and its graph take the memory of the next one."""

import pytest

from dropscape.training.general import GeneralRun
from dropscape.training.stacked import StackedRun
from tests.gpu.trainings import CLASSES, STACKED, examples
from tests.training.released import is_gone_at_once


@pytest.mark.parametrize("kind, config", [(StackedRun, STACKED), (GeneralRun, CLASSES)])
def test_nothing_keeps_a_finished_training(kind, config):
    assert is_gone_at_once(lambda: kind(config, examples(config, 16), examples(config, 8, seed=1), None, "cpu"))
