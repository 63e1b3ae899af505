"""Exact Hessian-vector products of the mean loss on a block, many vectors at once, for any module.

The gradient's graph is built once and differentiated again for a batch of vectors (Pearlmutter's product by double
backward), so that the forward and the first backward pass are shared by all vectors.
"""

from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.functional import linear

from dropscape.errors import ConfigurationError, RandomObjectiveError
from dropscape.models.block import block_parameters
from dropscape.models.fnn import FullyConnected
from dropscape.models.losses import PerExampleLoss, output_loss

# Examples x vectors that one double backward holds; an intermediate of 100 units then takes some 25 MB in float32.
EXAMPLE_VECTORS = 2**16
EXAMPLES_OF_FULLY_CONNECTED = 2**14
EXAMPLES_OF_OTHERS = 2**8
EXAMPLES_OF_CHECK = 64


class HessianOperator:
    """Multiplies vectors by the Hessian of the mean loss with respect to a block.

    The caller's model is not touched: parameters, buffers and inputs are used in copies of the dtype, and its mode
    and gradients stay as they are. For a FullyConnected, the activations that the block's first layer reads are
    computed once. When all examples fit in one micro-batch, the gradient's graph is kept between calls.

    Args:
        model: any module that maps (n, ...) inputs to (n, C) outputs, each example by itself.
        block: parameter names.
        inputs: (n, ...); floating-point inputs are cast to ``dtype``.
        targets: (n,) or (n, C).
        loss: "cross_entropy", "mse" or a callable (outputs, targets) -> (n,) losses, one an example.
        dtype: of all arithmetic.
        micro_batch: examples differentiated at a time; changes memory and time, the result only by rounding.

    Raises:
        RandomObjectiveError: the loss is not a fixed function of the parameters.
        ConfigurationError: an unknown name, or a loss that does not give one value an example.
    """

    def __init__(
        self,
        model: nn.Module,
        block: Sequence[str],
        inputs: Tensor,
        targets: Tensor,
        loss: str | PerExampleLoss,
        dtype: torch.dtype = torch.float32,
        micro_batch: int | None = None,
    ):
        refuse_random_objective(model, inputs, targets, loss)
        self._block = {
            name: value.to(dtype, copy=True).requires_grad_() for name, value in block_parameters(model, block).items()
        }
        self.size = sum(value.numel() for value in self._block.values())
        self.dtype = dtype
        self._loss = _per_example(loss)
        self._targets = _cast(targets, dtype)
        self._outputs, self._inputs = _suffix(model, self._block, inputs, dtype)
        if micro_batch is None:
            micro_batch = EXAMPLES_OF_FULLY_CONNECTED if type(model) is FullyConnected else EXAMPLES_OF_OTHERS
        self._micro_batch = min(micro_batch, len(inputs))
        self._kept_graph: Tensor | None = None

    def __call__(self, vectors: Tensor) -> Tensor:
        """H v for each row v of ``vectors`` (K, P); the result is (K, P) in the operator's dtype."""
        vectors = vectors.to(self.dtype)
        products = torch.zeros_like(vectors)
        at_once = max(1, EXAMPLE_VECTORS // self._micro_batch)
        for gradient in self._gradients():
            for rows, out in zip(vectors.split(at_once), products.split(at_once), strict=True):
                out += self._differentiate(gradient, rows)
        return products

    def _gradients(self) -> Iterator[Tensor]:
        """Each micro-batch's part of the mean loss's gradient, (P,), with its graph."""
        if self._kept_graph is not None:
            yield self._kept_graph
            return
        n = len(self._inputs)
        for inputs, targets in zip(
            self._inputs.split(self._micro_batch), self._targets.split(self._micro_batch), strict=True
        ):
            # Fused attention has no second derivative; the plain formula has.
            with sdpa_kernel(SDPBackend.MATH), torch.enable_grad():
                total = self._loss(self._outputs(inputs), targets).sum() / n
                parts = torch.autograd.grad(total, list(self._block.values()), create_graph=True)
                gradient = torch.cat([part.reshape(-1) for part in parts])
            if len(inputs) == n:
                self._kept_graph = gradient
            yield gradient

    def _differentiate(self, gradient: Tensor, vectors: Tensor) -> Tensor:
        if not gradient.requires_grad:  # the loss is linear in the block
            return torch.zeros_like(vectors)
        parts = torch.autograd.grad(
            gradient,
            list(self._block.values()),
            vectors,
            is_grads_batched=True,
            retain_graph=True,
            materialize_grads=True,
        )
        return torch.cat([part.reshape(len(vectors), -1) for part in parts], dim=1)


def hessian_products(
    model: nn.Module,
    block: Sequence[str],
    inputs: Tensor,
    targets: Tensor,
    loss: str | PerExampleLoss,
    vectors: Tensor,
    micro_batch: int | None = None,
) -> Tensor:
    """H v for each row of ``vectors`` (K, P), in the dtype of ``vectors``; see ``HessianOperator``."""
    return HessianOperator(model, block, inputs, targets, loss, vectors.dtype, micro_batch)(vectors)


def dense_hessian_by_products(
    model: nn.Module,
    block: Sequence[str],
    inputs: Tensor,
    targets: Tensor,
    loss: str | PerExampleLoss,
    dtype: torch.dtype = torch.float32,
    micro_batch: int | None = None,
) -> Tensor:
    """The Hessian (P, P) from products with all unit vectors, made bitwise symmetric; see ``HessianOperator``."""
    operator = HessianOperator(model, block, inputs, targets, loss, dtype, micro_batch)
    products = operator(torch.eye(operator.size, dtype=dtype, device=inputs.device))
    return products.add_(products.T.clone()).div_(2)


def refuse_random_objective(model: nn.Module, inputs: Tensor, targets: Tensor, loss: str | PerExampleLoss) -> None:
    """Raises unless the mean loss is one fixed function of the parameters.

    Raises:
        RandomObjectiveError: an active dropout layer, a batch norm that reads the batch, or two evaluations of the
            same examples that differ.
        ConfigurationError: the loss does not give one value an example.
    """
    for name, module in model.named_modules():
        kind = type(module).__name__
        if isinstance(module, nn.modules.dropout._DropoutNd) and module.training and module.p > 0:
            raise RandomObjectiveError(
                f"the model's layer '{name}' is a {kind}({module.p:g}) in training mode, so its loss is random; call "
                "model.eval() first, or give the masks as part of the inputs."
            )
        if isinstance(module, nn.modules.batchnorm._BatchNorm) and (module.training or module.running_mean is None):
            raise RandomObjectiveError(
                f"the model's layer '{name}' is a {kind} that reads the batch's own statistics, so its loss depends on "
                "the batching; call model.eval() first."
            )
    few_inputs, few_targets = inputs[:EXAMPLES_OF_CHECK], targets[:EXAMPLES_OF_CHECK]
    values = {name: value.detach().clone() for name, value in model.state_dict().items()}
    with torch.no_grad(), torch.random.fork_rng(devices=[]):
        first, second = (
            _per_example(loss)(functional_call(model, values, (few_inputs,)), few_targets) for _ in range(2)
        )
    if first.shape != few_targets.shape[:1]:
        raise ConfigurationError(
            f"the loss returned the shape {tuple(first.shape)} for {len(few_targets)} examples; give a callable that "
            "returns one value an example (reduction='none'), so that the mean is exact whatever the batching."
        )
    # The same sums in the same order: only where an accelerator varies the order may the last digits differ.
    if not torch.allclose(first, second, rtol=1e-5, atol=1e-7, equal_nan=True):
        raise RandomObjectiveError(
            "two evaluations of the loss on the same examples and parameters differ by up to "
            f"{(first - second).abs().max():.3g}; switch off whatever draws random numbers in the model's forward pass."
        )


def _per_example(loss: str | PerExampleLoss) -> PerExampleLoss:
    return output_loss(loss) if isinstance(loss, str) else loss


def _cast(values: Tensor, dtype: torch.dtype) -> Tensor:
    return values.detach().to(dtype) if values.is_floating_point() else values


def _suffix(
    model: nn.Module, block: dict[str, Tensor], inputs: Tensor, dtype: torch.dtype
) -> tuple[Callable[[Tensor], Tensor], Tensor]:
    """(what maps the second item to the outputs, using the tensors of ``block``; the inputs or cached activations)."""
    state = {name: _cast(value, dtype).clone() for name, value in model.state_dict().items()} | block
    if type(model) is not FullyConnected:
        return lambda x: functional_call(model, state, (x,)), _cast(inputs, dtype)

    def apply(x: Tensor, first: int, last: int) -> Tensor:
        for index in range(first, last):
            x = linear(x, state[f"layers.{index}.weight"], state[f"layers.{index}.bias"])
            x = model.activate(x) if index < model.depth - 1 else x
        return x

    start = min(int(name.split(".")[1]) for name in block)
    with torch.no_grad():
        activations = apply(_cast(inputs, dtype), 0, start)
    return lambda x: apply(x, start, model.depth), activations
