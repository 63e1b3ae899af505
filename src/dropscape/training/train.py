"""Training with any of the backends."""

from collections.abc import Callable, Mapping

from torch import Tensor

from dropscape.training.checkpoint import Checkpoint
from dropscape.training.compiled import CompiledRun, CompiledTraining
from dropscape.training.general import GeneralRun, GeneralTraining
from dropscape.training.recording import TrainingConfig, TrainingResult
from dropscape.training.stacked import StackedRun, StackedTraining

RUNS = {StackedTraining: StackedRun, CompiledTraining: CompiledRun, GeneralTraining: GeneralRun}


def train(
    config: TrainingConfig,
    train_inputs: Tensor,
    train_targets: Tensor,
    test_inputs: Tensor,
    test_targets: Tensor,
    *,
    start: Mapping[str, Tensor] | None = None,
    device: str = "cpu",
    checkpoint: Checkpoint | None = None,
    progress: Callable[..., None] | None = None,
) -> TrainingResult:
    """Train every seed by ``config.steps`` steps (paper A, section 3.3 and App. A; paper B, eq. 2 and 7).

    The result has the same bits however often the training was interrupted, on the same machine with the same number
    of threads; that of a compiled training has them with any number. The backend says what inputs and targets it takes.

    Args:
        start: ``{name: (S, ...)}``, the parameters that every seed starts from; None initialises them.
        checkpoint, progress: as for ``TrainingRun.finish``.

    Raises:
        DivergenceError: a seed's loss is no longer finite.
        ConfigurationError: settings, network and data do not fit each other.
    """
    examples = (train_inputs, train_targets), (test_inputs, test_targets)
    return RUNS[type(config)](config, *examples, start, device).finish(checkpoint, progress)
