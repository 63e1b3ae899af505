"""The mean loss of any model over data, as a function of a block of its parameters: what every measurement takes."""

import copy
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.parameter import UninitializedParameter
from torch.utils.data import DataLoader, Dataset

from dropscape.dropout.wrappers import unwrapped
from dropscape.errors import ConfigurationError
from dropscape.models.block import in_words, named_block
from dropscape.models.given_loss import per_example_loss
from dropscape.models.losses import PerExampleLoss, output_loss
from dropscape.models.prefix_suffix import Inputs, count, take

Forward = Callable[[nn.Module, Any], Tensor]
Block = str | Sequence[str] | nn.Module
# Names that the targets have among the entries of a batch.
TARGET_NAMES = ("labels", "targets")
EXAMPLES_OF_CHECK = 2


@dataclass(frozen=True)
class BlockLoss:
    """The mean over n examples of a model's loss, as a function of the block's P parameters."""

    model: nn.Module  # maps inputs to outputs (n, ...); the caller's own, or a wrapper that shares its parameters
    block: tuple[str, ...]  # names of the model's parameters, each once
    inputs: Inputs  # n examples
    targets: Tensor  # (n, ...)
    loss: str | PerExampleLoss  # a key of LOSSES, or (outputs, targets) -> (n,)
    output_shape: tuple[int, ...]  # of one example

    @property
    def given(self) -> tuple[nn.Module, tuple[str, ...], Inputs, Tensor, str | PerExampleLoss]:
        """The five, in the order in which the functions below the public ones take them."""
        return self.model, self.block, self.inputs, self.targets, self.loss


class CalledModel(nn.Module):
    """A model that is called with named inputs, or through the caller's function; its parameters are ``model.NAME``."""

    def __init__(self, model: nn.Module, forward: Forward | None, names: Sequence[str] | None):
        super().__init__()
        self.model, self._forward, self._names = model, forward, names

    def forward(self, inputs: Inputs) -> Tensor:
        """Compute the outputs of a tensor, a tuple of tensors, or of one that stands for a dictionary's entries."""
        given = inputs if self._names is None else dict(zip(self._names, inputs, strict=True))
        if self._forward is not None:
            return self._forward(self.model, given)
        return self.model(**given)


def block_loss(
    model: nn.Module,
    block: Block | None,
    data: Any,
    loss: str | nn.Module | PerExampleLoss = "cross_entropy",
    forward: Forward | None = None,
) -> BlockLoss:
    """Read what a caller gave; what cannot be measured is said in one sentence before anything is computed.

    Args:
        model: any module; of a ``DataParallel`` or a compiled model the module inside is taken.
        block: a parameter's name, names, or a submodule of the model, all of whose parameters it then is; None for all
            parameters. Of a tied parameter any of its names will do.
        data: (inputs, targets), where inputs are a tensor (n, ...), a tuple of such tensors that the model takes as one
            argument, or a dictionary of them that it takes as named arguments; a dictionary of tensors that has the
            targets as "labels" or "targets"; or a ``Dataset`` or ``DataLoader`` of either, which is read once.
        loss: "cross_entropy", "mse", a loss of ``torch.nn``, or a callable (outputs, targets) -> (n,), one loss an
            example. See ``per_example_loss``.
        forward: (model, inputs) -> outputs (n, ...), for a model that does not map inputs to one tensor by itself. It
            must use the model that it is given, which is a copy.

    Raises:
        ConfigurationError: anything of these does not fit.
    """
    model, block = _without_wrappers(model, block)
    names = named_block(model, block)
    parameters = dict(model.named_parameters())
    first = parameters[names[0]]
    for name in names:
        if not parameters[name].is_floating_point():
            raise ConfigurationError(
                f"the block's parameter '{name}' is of {parameters[name].dtype}, which has no derivative; "
                "write a block of floating-point parameters."
            )
    if isinstance(loss, type) or not (callable(loss) or isinstance(loss, str)):
        kind = f"the class {loss.__name__}" if isinstance(loss, type) else f"a {type(loss).__name__}"
        raise ConfigurationError(
            f"loss is {kind}; give a name, a loss of torch.nn such as nn.MSELoss(), or a callable that maps outputs "
            "and targets to one loss an example."
        )
    inputs, targets = _inputs_and_targets(data)
    keys = tuple(inputs) if isinstance(inputs, Mapping) else None
    inputs = _on_device(tuple(inputs.values()) if keys else inputs, first.device)
    targets = _on_device(targets, first.device)
    if isinstance(targets, tuple):
        raise ConfigurationError(
            f"the targets are {len(targets)} tensors; give one, and several batches as a DataLoader or joined into one."
        )
    _check_examples(inputs, targets, keys)
    if forward is not None or keys:
        model, names = CalledModel(model, forward, keys), tuple(f"model.{name}" for name in names)
    outputs = _first_outputs(model, names, inputs)
    each = per_example_loss(loss, outputs, targets)
    _check_loss(each, outputs, targets[: len(outputs)])
    return BlockLoss(model, names, inputs, targets, each, outputs.shape[1:])


def _without_wrappers(model: nn.Module, block: Block | None) -> tuple[nn.Module, Block | None]:
    """Take the module inside of what wraps it, and the block's names without the wrapper's."""
    if not isinstance(model, nn.Module):
        raise ConfigurationError(f"model is a {type(model).__name__}; give a torch.nn.Module.")
    model, prefix = unwrapped(model)
    for name, module in model.named_modules():
        if unwrapped(module)[1]:
            raise ConfigurationError(
                f"the model's layer '{name}' is compiled or distributed ({type(module).__name__}), which cannot be "
                "differentiated twice; give the model as it was before."
            )
    if isinstance(block, str):
        block = block.removeprefix(prefix)
    elif isinstance(block, Iterable) and not isinstance(block, nn.Module | Tensor):
        block = [str(name).removeprefix(prefix) for name in block]
    elif isinstance(block, nn.Module):
        block = unwrapped(block)[0]
    return model, block


def _inputs_and_targets(data: Any) -> tuple[Any, Any]:
    """Take the data apart, reading a data set or its loader."""
    if isinstance(data, Dataset):
        data = DataLoader(data, batch_size=256)
    if isinstance(data, DataLoader):
        return _of_all_batches(data)
    if isinstance(data, Mapping):
        name = next((name for name in TARGET_NAMES if name in data), None)
        if name is None:
            raise ConfigurationError(
                f"data has the entries {', '.join(map(str, data))} and no targets among them; name the targets "
                "'labels' or 'targets', or give (inputs, targets)."
            )
        return {key: value for key, value in data.items() if key != name}, data[name]
    if isinstance(data, tuple | list) and len(data) == 2:
        return tuple(data)
    kind = f"{len(data)} values" if isinstance(data, tuple | list) else f"a {type(data).__name__}"
    raise ConfigurationError(
        f"data is {kind}; give (inputs, targets), a dictionary of tensors with 'labels', a Dataset or a DataLoader."
    )


def _of_all_batches(loader: DataLoader) -> tuple[Any, Any]:
    batches = [_inputs_and_targets(batch) for batch in loader]
    if not batches:
        raise ConfigurationError("data is a DataLoader that gives no batch; give one with examples.")
    if loader.drop_last:
        raise ConfigurationError(
            "data is a DataLoader with drop_last=True, which leaves examples out of the mean; write drop_last=False."
        )
    return tuple(_joined([batch[part] for batch in batches]) for part in (0, 1))


def _joined(parts: Sequence[Any]) -> Any:
    if isinstance(parts[0], Mapping):
        return {key: _joined([part[key] for part in parts]) for key in parts[0]}
    if isinstance(parts[0], tuple | list):
        return tuple(_joined(values) for values in zip(*parts, strict=True))
    tensors = [torch.as_tensor(part) for part in parts]
    if any(tensor.ndim == 0 for tensor in tensors):
        raise ConfigurationError("the loader gives single numbers and no batches; write a batch_size for it.")
    if len({tensor.shape[1:] for tensor in tensors}) > 1:
        raise ConfigurationError(
            f"the loader's batches have examples of shapes {tuple(tensors[0].shape[1:])} and others; pad all examples "
            "to one shape."
        )
    return torch.cat(tensors)


def _on_device(values: Any, device: torch.device) -> Any:
    """Make tensors of arrays and of lists of numbers; a tuple or list of tensors stays one of several inputs."""
    if isinstance(values, tuple | list) and any(isinstance(value, Tensor | np.ndarray) for value in values):
        return tuple(_on_device(value, device) for value in values)
    try:
        tensor = torch.as_tensor(values).detach().to(device)
        return tensor.clone() if tensor.is_inference() else tensor  # of which autograd keeps nothing
    except (TypeError, ValueError, RuntimeError) as error:
        kind = f"list of {type(values[0]).__name__}" if isinstance(values, list) else type(values).__name__
        raise ConfigurationError(
            f"data holds a {kind}, which is no tensor; give tensors or arrays of numbers."
        ) from error


def _check_examples(inputs: Inputs, targets: Tensor, keys: Sequence[str] | None) -> None:
    """Refuse other numbers of inputs than targets, none, and numbers that are not finite."""
    tensors = inputs if isinstance(inputs, tuple) else (inputs,)
    parts = list(zip([f"input '{key}'" for key in keys] if keys else ["inputs"] * len(tensors), tensors, strict=True))
    for name, values in [*parts, ("targets", targets)]:
        if values.ndim == 0 or len(values) != count(inputs):
            raise ConfigurationError(
                f"{name} has the shape {tuple(values.shape)} where the first inputs have {count(inputs)} examples; the "
                "first dimension of all counts the examples."
            )
        # A sum is finite only if all its terms are, and takes a tenth of the time of looking at each.
        if values.is_floating_point() and not bool(torch.isfinite(values.sum())):
            wrong = int((~torch.isfinite(values)).sum())
            if wrong:
                raise ConfigurationError(f"{name}: {wrong} numbers are not finite; leave these examples out.")
    if count(inputs) == 0:
        raise ConfigurationError("data holds no examples; give at least one.")


def _called(model: nn.Module, inputs: Inputs) -> Any:
    """Run a model, and say what it was given if it cannot be."""
    try:
        return model(inputs)
    except (TypeError, ValueError, RuntimeError, IndexError, KeyError, AttributeError, AssertionError) as error:
        given = inputs if isinstance(inputs, tuple) else (inputs,)
        read = ", ".join(f"{str(value.dtype).removeprefix('torch.')} {tuple(value.shape)}" for value in given)
        dtypes = {str(value.dtype).removeprefix("torch.") for value in model.parameters()}
        raise ConfigurationError(
            f"the model ({', '.join(sorted(dtypes))}) cannot read the first examples, {read}: "
            f"{type(error).__name__}, {str(error).splitlines()[0].rstrip('.')}; give inputs of the model's dtype and "
            "shapes as one tensor, a dictionary of its arguments' names, or say with forward how they are read."
        ) from error


def _check_loss(loss: str | PerExampleLoss, outputs: Tensor, targets: Tensor) -> None:
    """Refuse a loss that cannot be computed of the first examples."""
    try:
        output_loss(loss)(outputs, targets)
    except (TypeError, ValueError, RuntimeError, IndexError) as error:
        raise ConfigurationError(
            f"the loss cannot be computed of outputs {tuple(outputs.shape)} and targets {tuple(targets.shape)} of "
            f"{targets.dtype}: {type(error).__name__}, {str(error).splitlines()[0].rstrip('.')}; give targets, or a "
            "loss, that fit."
        ) from error


def _first_outputs(model: nn.Module, block: Sequence[str], inputs: Inputs) -> Tensor:
    """Run a copy on the first examples: it must give one tensor with a row for each, which depends on the block."""
    few = take(inputs, slice(0, EXAMPLES_OF_CHECK))
    if any(isinstance(value, UninitializedParameter) for value in model.parameters()):
        raise ConfigurationError(
            "the model has lazy layers whose parameters have no shape yet; call model(inputs) once before."
        )
    try:
        copied = copy.deepcopy(model).eval().requires_grad_(False)
    except RuntimeError as error:  # a tensor that is not a leaf, as those of torch's former weight_norm
        raise ConfigurationError(
            f"the {type(model).__name__} cannot be copied: {str(error).splitlines()[0]} Use a parametrization "
            "(torch.nn.utils.parametrizations) where a layer keeps a computed tensor."
        ) from error
    parameters = [copied.get_parameter(name).requires_grad_() for name in block]
    with torch.enable_grad():
        outputs = _called(copied, few)
    if not isinstance(outputs, Tensor):
        raise ConfigurationError(
            f"the model's output is a {type(outputs).__name__}, not a tensor; say which part of it with forward, for "
            "example forward=lambda model, inputs: model(inputs)[0]."
        )
    if outputs.ndim == 0 or len(outputs) != count(few):
        raise ConfigurationError(
            f"the model's output has the shape {tuple(outputs.shape)} for {count(few)} examples; its first dimension "
            "must count the examples (batch_first=True, or say how with forward)."
        )
    gradients = torch.autograd.grad(outputs.sum(), parameters, allow_unused=True) if outputs.requires_grad else [None]
    if all(gradient is None for gradient in gradients):
        raise ConfigurationError(
            f"the model's outputs do not depend on the block {in_words(block)}; write a block that the forward pass "
            "reads, let forward call the model that it is given, and if that is a checkpoint with use_reentrant=True, "
            "write use_reentrant=False."
        )
    return outputs.detach()
