"""What a measurement computes under, whatever its caller computes under."""

import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import torch

from dropscape.errors import ConfigurationError

_NO_DERIVATIVE = re.compile(r"derivative for (?:aten::)?(\S+) is not implemented")


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
            missing = _NO_DERIVATIVE.search(str(error))
            if missing:
                raise ConfigurationError(
                    f"torch has no derivative of {missing[1]}, which the model or the loss needs here; write that "
                    "function with others, for example with clamp or exp."
                ) from error
            if "does not currently support double backward" in str(error):
                raise ConfigurationError(
                    "a part of the model or the loss is compiled, which cannot be differentiated twice; give it as it "
                    "was before torch.compile."
                ) from error
            raise
