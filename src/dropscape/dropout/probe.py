"""Runs a network once to see how dropout acts in it, which its modules alone do not say."""

import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from copy import deepcopy

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase

from dropscape.dropout.layers import ExampleDimension, ModuleMasks, dropout_layers, masks_in_force
from dropscape.errors import ConfigurationError

_MANY, _FEW = 3, 2  # examples: more than one, of which some layers can tell nothing, and two numbers


def probe_dropout(model: nn.Module, run: Callable[[nn.Module, int], object], in_evaluation: bool = False) -> list[str]:
    """Learn where the examples stand in what each dropout layer reads; return the layers that draw in a pass.

    ``run(network, n)`` passes n examples through a copy of the model in training mode, in which nothing but
    ``MaskedDropout`` may draw random numbers. Normalisation layers are in evaluation mode.

    ``in_evaluation`` says that masks will be in force in evaluation mode, so that a layer must be called there too.

    Raises:
        ConfigurationError: a module draws random numbers itself, as ``F.dropout`` does; or what a dropout layer reads
            does not grow with the examples in one of its dimensions; or a layer is not called in evaluation mode.
    """
    network = deepcopy(model).train()
    for module in network.modules():
        if isinstance(module, _NormBase):
            module.eval()
    many, few = (_shapes_read(network, run, count) for count in (_MANY, _FEW))
    if in_evaluation:
        _refuse_layers_of_one_mode(many, _shapes_read(network.eval(), run, _MANY))
    layers = dropout_layers(model)
    for name, shapes in many.items():
        if len(few.get(name, ())) != len(shapes):
            raise ConfigurationError(
                f"the model's dropout layer '{name}' is called {len(shapes)} times for {_MANY} examples and "
                f"{len(few.get(name, ()))} times for {_FEW}, so that its masks do not belong to examples; call it as "
                "often for any number of examples."
            )
        pairs = zip(shapes, few[name], strict=True)
        layers[name].examples = tuple(_example_dimension(name, *pair) for pair in pairs)
    return list(many)


def _refuse_layers_of_one_mode(training: dict[str, list[torch.Size]], evaluation: dict[str, list[torch.Size]]) -> None:
    """Refuse a forward pass that calls a dropout layer in training or evaluation mode alone, or more often."""
    for name in training | evaluation:
        calls = [len(shapes.get(name, ())) for shapes in (training, evaluation)]
        if calls[0] != calls[1]:
            raise ConfigurationError(
                f"the model's dropout layer '{name}' is called {calls[0]} times in training mode and {calls[1]} times "
                "in evaluation mode, in which gradients are sampled; call it in both, because in evaluation mode it "
                "does nothing by itself."
            )


@torch.no_grad()
def _shapes_read(
    network: nn.Module, run: Callable[[nn.Module, int], object], count: int
) -> dict[str, list[torch.Size]]:
    """Record the shapes that each layer that draws reads, in the order of its calls in a pass of ``count`` examples."""
    shapes: dict[str, list[torch.Size]] = {}
    handles = []
    for name, layer in dropout_layers(network).items():
        layer.examples = ()

        def record(_layer: nn.Module, given: tuple[Tensor, ...], name: str = name) -> None:
            if _layer.keep_prob < 1:
                shapes.setdefault(name, []).append(given[0].shape)

        handles.append(layer.register_forward_pre_hook(record))
    try:
        with masks_in_force(network, ModuleMasks(0, "dropout", "probe"), 0, 0), _own_draws_refused(network):
            run(network, count)
    finally:
        for handle in handles:
            handle.remove()
    return shapes


@contextmanager
def _own_draws_refused(network: nn.Module) -> Iterator[None]:
    """Refuse modules that move torch's, Python's or numpy's generator inside, whose states are put back, or their own.

    Of these it finds the ones that are attributes of a module; one that stands elsewhere, as a global, it does not.
    """
    devices = sorted({value.device.index or 0 for value in network.parameters() if value.device.type == "cuda"})
    before: list[list[object]] = []
    states, handles = (random.getstate(), np.random.get_state()), []  # noqa: NPY002
    own = [
        value
        for module in network.modules()
        for value in vars(module).values()
        if isinstance(value, torch.Generator | np.random.Generator)
    ]
    for name, module in network.named_modules():

        def note(*_: object) -> None:
            before.append(_generator_states(devices, own))

        def compare(module: nn.Module, *_: object, name: str = name) -> None:
            if before.pop() != _generator_states(devices, own):
                raise _own_draws(module, name)

        handles += [module.register_forward_pre_hook(note), module.register_forward_hook(compare)]
    try:
        with torch.random.fork_rng(devices):
            yield
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])  # noqa: NPY002
        for handle in handles:
            handle.remove()


def _generator_states(devices: list[int], own: Sequence[torch.Generator | np.random.Generator]) -> list[object]:
    """The states of torch's generators, Python's and numpy's, and of a network's own."""
    of_torch = [torch.get_rng_state(), *(torch.cuda.get_rng_state(device) for device in devices)]
    numpys = np.random.get_state()  # noqa: NPY002
    states = [*(state.numpy().tobytes() for state in of_torch), random.getstate(), numpys[1].tobytes(), numpys[2:]]
    for generator in own:
        of_torch_too = isinstance(generator, torch.Generator)
        states.append(generator.get_state().numpy().tobytes() if of_torch_too else str(generator.bit_generator.state))
    return states


def _own_draws(module: nn.Module, name: str) -> ConfigurationError:
    kind = type(module).__name__
    where = f"the model's module '{name}' ({kind})" if name else f"the model ({kind})"
    if isinstance(module, nn.modules.dropout._DropoutNd):
        return ConfigurationError(
            f"{where} draws masks that cannot be drawn again; give the model through with_masked_dropout(model)."
        )
    return ConfigurationError(
        f"{where} draws random numbers in its own forward, as F.dropout and F.scaled_dot_product_attention with a "
        "dropout_p do, which cannot be drawn again; make an nn.Dropout its submodule and call that instead, in "
        "attention on the probabilities."
    )


def _example_dimension(name: str, many: torch.Size, few: torch.Size) -> ExampleDimension:
    grown = [place for place, (one, other) in enumerate(zip(many, few, strict=False)) if one != other]
    if len(many) == len(few) and not grown:
        return ExampleDimension(None)
    if len(many) == len(few) and len(grown) == 1:
        each = many[grown[0]] - few[grown[0]]
        if many[grown[0]] == _MANY * each:
            return ExampleDimension(grown[0], each)
    raise ConfigurationError(
        f"the model's dropout layer '{name}' reads {tuple(many)} numbers for {_MANY} examples and {tuple(few)} for "
        f"{_FEW}, in which no one dimension counts the examples, so that its masks do not belong to examples; put "
        "dropout where examples do not mix."
    )
