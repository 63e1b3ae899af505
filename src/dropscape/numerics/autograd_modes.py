"""What a measurement computes under, whatever its caller computes under."""

import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import torch

from dropscape.errors import ConfigurationError

_NO_DERIVATIVE = re.compile(r"derivative for (?:aten::)?(\S+) is not implemented")
# What torch says, and what a caller can do.
_CAUSES = (
    (
        _NO_DERIVATIVE,
        "torch has no derivative of {}, which the model or the loss needs here; write that function with others, for "
        "example with clamp or exp.",
    ),
    (
        re.compile("does not currently support double backward"),
        "a part of the model or the loss is compiled, which cannot be differentiated twice; give it as it was before "
        "torch.compile.",
    ),
    (
        re.compile("use_reentrant=True"),
        "the model checkpoints with use_reentrant=True, which cannot be differentiated by a block alone; write "
        "use_reentrant=False.",
    ),
    (
        re.compile("expected scalar type .* but found|must have the same dtype"),
        "the model's forward computes in another dtype than its parameters have, as torch.autocast inside of it does, "
        "where second derivatives fail; leave autocast out of forward, and convert the whole model if you want another "
        "dtype.",
    ),
)


@contextmanager
def as_measured() -> Iterator[None]:
    """Differentiate in full precision inside, under a caller's ``no_grad``, ``inference_mode`` and ``autocast`` too.

    Also a decorator. A function that torch cannot differentiate as often as asked is a ConfigurationError.
    """
    with ExitStack() as modes:
        modes.enter_context(torch.inference_mode(False))
        modes.enter_context(torch.enable_grad())
        for device in ("cpu", "cuda"):
            if torch.is_autocast_enabled(device):
                modes.enter_context(torch.autocast(device, enabled=False))
        try:
            yield
        except RuntimeError as error:
            sentence = next((sentence for cause, sentence in _CAUSES if cause.search(str(error))), None)
            if sentence is None:
                raise
            missing = _NO_DERIVATIVE.search(str(error))
            raise ConfigurationError(sentence.format(missing[1] if missing else "")) from error
