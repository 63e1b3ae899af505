"""Tensors of a pretended GPU: they say cuda:0, hold a processor's numbers and refuse to mix with a processor's tensors.

Every operation that torch dispatches with one of them, or for one, goes through ``run``, which refuses what CUDA would
refuse, counts it and computes it on the processor.
"""

from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode, _disable_current_modes
from torch.utils._pytree import tree_flatten, tree_unflatten

from tests.gpu import operations
from tests.gpu.counts import Counts, place
from tests.gpu.operations import aten

DEVICE = torch.device("cuda:0")
RealGenerator = torch.Generator


class Gpu:
    """The one GPU that is pretended: what it was asked, and what is under way."""

    def __init__(self) -> None:
        self.counts = Counts()
        self.capture: Any = None  # the graph that is being captured (``tests.gpu.graphs``)
        self.generators: dict[int, Generator] = {}  # by address; kept, so that no other gets it
        self._copies: list[tuple[Tensor, Tensor]] = []  # to the processor, that nothing has waited for

    def wait(self, what: str) -> None:
        """The processor waits until all is done."""
        self.refuse_in_capture(what)
        self.counts.add("waits", what)
        for target, value in self._copies:
            with _disable_current_modes():
                target.copy_(value)
        self._copies.clear()

    def copy_later(self, target: Tensor) -> None:
        """Let a copy that does not wait arrive with the next wait; until then it holds garbage."""
        with _disable_current_modes():
            self._copies.append((target, target.clone()))
            fill_with_garbage(target)

    def refuse_in_capture(self, what: str) -> None:
        """Raise, as CUDA does, for what a graph cannot hold."""
        if self.capture is not None:
            raise RuntimeError(f"CUDA error: operation not permitted when stream is capturing: {what} at {place()}")


gpu = Gpu()


def fill_with_garbage(value: Tensor) -> None:
    """Overwrite with what nobody mistakes for a result."""
    if value.is_floating_point():
        value.fill_(float("nan"))
    else:
        value.fill_(True if value.dtype == torch.bool else torch.iinfo(value.dtype).max)


class OnGpu(Tensor):
    """A tensor on cuda:0, whose numbers are ``held`` by the processor."""

    held: Tensor

    @staticmethod
    def __new__(cls, held: Tensor):
        self = Tensor._make_wrapper_subclass(
            cls,
            held.size(),
            strides=held.stride(),
            storage_offset=held.storage_offset(),
            dtype=held.dtype,
            layout=held.layout,
            device=DEVICE,
            requires_grad=False,
        )
        self.held = held
        return self

    # What torch asks of a class that wraps tensors; modules move their parameters by it.
    def __tensor_flatten__(self):
        return ["held"], None

    @staticmethod
    def __tensor_unflatten__(inner, _context, _size, _stride):
        return OnGpu(inner["held"])

    def untyped_storage(self):
        return self.held.untyped_storage()

    def data_ptr(self) -> int:
        return 0  # for which a deep copy is a clone

    @property
    def data(self):
        return self.detach()

    @data.setter
    def data(self, value):
        Tensor.data.__set__(self, value)
        self.held = value.held

    def tolist(self):
        return super().cpu().detach().tolist()

    def numpy(self, **_):
        raise TypeError("can't convert cuda:0 device type tensor to numpy. Use Tensor.cpu() first.")

    def __repr__(self, **_):
        return f"OnGpu({tuple(self.shape)}, {self.dtype})"

    def __format__(self, spec):
        return format(self.item(), spec) if self.ndim == 0 else repr(self)

    __torch_function__ = torch._C._disabled_torch_function_impl

    @classmethod
    def __torch_dispatch__(cls, call, types, arguments=(), options=None):
        return run(call, arguments, options or {})


class Generator(RealGenerator):
    """A generator that says where it draws."""

    def __new__(cls, device="cpu"):
        self = super().__new__(cls, "cpu")
        self.where = torch.device(device).type
        if self.where == "cuda":
            gpu.generators[self._cdata] = self
            gpu.counts.add("generators", "generator")
        return self

    @property
    def device(self):
        return DEVICE if self.where == "cuda" else torch.device("cpu")


class SeesAll(TorchDispatchMode):
    """Sends on also what has no tensor of the GPU among its arguments, such as ``torch.zeros(3, device="cuda")``."""

    def __torch_dispatch__(self, call, types, arguments=(), options=None):
        return run(call, arguments, options or {})


def run(call: Any, arguments: tuple, options: dict[str, Any]) -> Any:
    """Perform an operation as a machine with a GPU would, or raise what it would raise."""
    flat, structure = tree_flatten((arguments, options))
    on_gpu = [value for value in flat if isinstance(value, OnGpu)]
    gives_gpu = _gives_gpu(call, arguments, options, bool(on_gpu))
    _check_generator(call, flat, gives_gpu)
    if not on_gpu and not gives_gpu:
        return call(*arguments, **options)
    name, moves = operations.named(call), call in operations.MOVES
    if on_gpu and not moves:
        _check_devices(call, name, flat)
    waits = _counted(call, name, arguments, options, flat, gives_gpu)

    if name in operations.RESHAPING:
        with torch._C._DisableTorchDispatch():
            call(*arguments, **options)  # the wrapper's own shape
    held = [value.held if isinstance(value, OnGpu) else value for value in flat]
    held = [torch.device("cpu") if isinstance(value, torch.device) else value for value in held]
    held_arguments, held_options = tree_unflatten(held, structure)
    held_options.pop("pin_memory", None)
    function = operations.STAND_INS.get(call, call)
    with _disable_current_modes():
        if gpu.capture is not None:
            gpu.capture.before([value for value in held if isinstance(value, Tensor)])
        result = function(*held_arguments, **held_options)
        if gpu.capture is not None:
            gpu.capture.after(call, function, held_arguments, held_options, result)
    if not gives_gpu or call is aten._local_scalar_dense.default:
        if waits is False:
            gpu.copy_later(result)
        return result
    return _wrapped(result, {id(value.held): value for value in on_gpu}, name)


def _gives_gpu(call: Any, arguments: tuple, options: dict[str, Any], any_on_gpu: bool) -> bool:
    """Whether the result is on the GPU: where ``device`` says, else where the arguments are."""
    if call in (aten.copy_.default, aten.copy.default):
        return isinstance(arguments[0], OnGpu)
    device = options.get("device")
    return any_on_gpu if device is None else torch.device(device).type == "cuda"


def _check_devices(call: Any, name: str, flat: list[Any]) -> None:
    """Refuse a processor's tensor, but for single numbers, and for indices, which are copied."""
    for value in flat:
        if not isinstance(value, Tensor) or isinstance(value, OnGpu):
            continue
        single = value.ndim == 0 and name not in ("cat", "stack")
        index = name in operations.INDEXING and value is not flat[0] and not value.is_floating_point()
        if not (single or index):
            raise RuntimeError(
                f"Expected all tensors to be on the same device, but found at least two devices, cuda:0 and cpu: "
                f"{name} got a tensor {tuple(value.shape)} of the processor at {place()}"
            )
        gpu.refuse_in_capture(f"{name} reads a tensor of the processor")
        if index:
            gpu.counts.add("to_device", f"index of {name}")


def _check_generator(call: Any, flat: list[Any], gives_gpu: bool) -> None:
    generators = [value for value in flat if isinstance(value, RealGenerator)]
    for generator in generators:
        where = "cuda" if generator._cdata in gpu.generators else "cpu"
        if where != ("cuda" if gives_gpu else "cpu"):
            raise RuntimeError(
                f"Expected a '{'cuda' if gives_gpu else 'cpu'}' device type for generator but found '{where}': "
                f"{operations.named(call)} at {place()}"
            )
    if gpu.capture is not None and generators and gives_gpu:
        gpu.capture.check_generators(generators)


def _counted(
    call: Any, name: str, arguments: tuple, options: dict[str, Any], flat: list[Any], gives_gpu: bool
) -> bool | None:
    """Count an operation; return whether a copy to the processor waits, None where it is no such copy."""
    counts = gpu.counts
    if call in operations.MOVES:
        source = arguments[0] if call is aten._to_copy.default else arguments[1]
        if isinstance(source, OnGpu) != gives_gpu:
            if gives_gpu:
                gpu.refuse_in_capture("copy from the processor")
                counts.add("to_device", name)
                return None
            waits = not (options.get("non_blocking") or True in arguments[2:])
            gpu.refuse_in_capture("copy to the processor")
            counts.add("to_processor", name)
            if waits:
                gpu.wait("copy to the processor")
            return waits
    masked = name in operations.INDEXING and any(
        isinstance(value, OnGpu) and value.dtype in (torch.bool, torch.uint8) for value in flat[1:]
    )
    if masked and name == "index_put_" and any(isinstance(value, Tensor) and value.ndim == 0 for value in flat[1:]):
        name, masked = "masked_fill_", False  # what torch makes of tensor[mask] = number
    if name in operations.WAITING or masked:
        gpu.wait(name)
        if name == "_local_scalar_dense":
            return None
    if name in operations.SCATTERING or masked:
        counts.add("scatters", name)
    if name in operations.EMPTY and _fills_new_memory():
        counts.add("fills", name)
    if operations.is_unrepeatable(name, arguments, options):
        counts.add("unrepeatable", name)
    if operations.launches(call):
        counts.add("calls", name)
        if _takes_tf32(name, flat):
            counts.add("tf32", name)
    return None


def _fills_new_memory() -> bool:
    return torch.are_deterministic_algorithms_enabled() and torch.utils.deterministic.fill_uninitialized_memory


def _takes_tf32(name: str, flat: list[Any]) -> bool:
    convolves = name in operations.CONVOLUTIONS
    if not convolves and name not in operations.PRODUCTS:
        return False
    allowed = torch.backends.cudnn.allow_tf32 if convolves else torch.backends.cuda.matmul.allow_tf32
    return allowed and next(value.dtype for value in flat if isinstance(value, Tensor)) == torch.float32


def _wrapped(result: Any, known: dict[int, OnGpu], name: str) -> Any:
    """Put the results on the GPU; what an operation changed in place is the tensor that it was given."""

    def wrap(value: Any) -> Any:
        if not isinstance(value, Tensor):
            return value
        given = known.get(id(value))
        if given is None:
            return OnGpu(value)
        if given.shape != value.shape or given.stride() != value.stride():
            raise NotImplementedError(f"the pretended GPU cannot change a tensor's shape in place: {name}")
        return given

    flat, structure = tree_flatten(result)
    return tree_unflatten([wrap(value) for value in flat], structure)
