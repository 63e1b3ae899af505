"""Products of float32 matrices on a processor, by the faster of the two libraries inside torch.

Torch multiplies float32 matrices with MKL, which uses half of an AMD processor's vector units where these have 512
bits. oneDNN, which torch uses for convolutions and for matrices of bfloat16 alone, uses all of them: twice the rate,
from 50 x 50 by some thousand examples on. On other processors both are as fast, and products are torch's.
"""

from functools import cache
from pathlib import Path

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

_MIN_MULTIPLICATIONS = 1 << 20  # multiplications that are worth the 10 microseconds of a call


def worthwhile(multiplications: int) -> bool:
    """Say whether oneDNN is faster here for a product of float32 matrices of so many."""
    return multiplications >= _MIN_MULTIPLICATIONS and onednn_is_faster()


@cache
def onednn_is_faster() -> bool:
    """Say whether MKL leaves units of this processor unused."""
    if not torch.backends.mkldnn.is_available() or torch.backends.cpu.get_cpu_capability() != "AVX512":
        return False
    if not hasattr(torch.ops.mkldnn, "_linear_pointwise"):
        return False
    try:
        return "AuthenticAMD" in Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return False


def product(left: Tensor, right: Tensor, plus: Tensor | None = None, out: Tensor | None = None) -> Tensor:
    """Compute ``left @ right`` of (m, k) and (k, n), in any memory order, and add ``plus``, maybe a row or a column.

    Exact to rounding and the same bits each time. Where gradients are wanted torch computes it.

    Args:
        out: (m, n), memory that may be used for the result: torch's large results cost less there.
    """
    wanted = torch.is_grad_enabled() and (left.requires_grad or right.requires_grad)
    if not wanted and _suits(left, right):
        through = _through_onednn(left, right)
        return through if plus is None else through.add_(plus)
    return torch.mm(left, right, out=out) if plus is None else torch.addmm(plus, left, right, out=out)


def add_product(total: Tensor, left: Tensor, right: Tensor) -> None:
    """Add ``left @ right`` to ``total`` (m, n)."""
    if _suits(left, right):
        total += _through_onednn(left, right)
    else:
        total.addmm_(left, right)


class FastProducts(TorchDispatchMode):
    """Makes layers multiply matrices as ``product`` does, in backward passes too.

    Every operation of torch costs some microseconds more inside.
    """

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """Keep torch from guarding every operation against its compiler: loading that takes 1.4 s, each guard 20 us."""
        return False

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        """Compute what torch asks ``function`` for."""
        if not kwargs:
            if function is torch.ops.aten.mm.default and _suits(*args):
                return _through_onednn(*args)
            if function is torch.ops.aten.addmm.default and _suits(*args[1:]) and args[0].shape == args[2].shape[1:]:
                return _through_onednn(args[1], args[2], args[0])
        return function(*args, **(kwargs or {}))


def _suits(left: Tensor, right: Tensor) -> bool:
    return (
        left.dtype == right.dtype == torch.float32
        and left.device.type == "cpu"
        and worthwhile(left.numel() * right.shape[1])
    )


def _through_onednn(left: Tensor, right: Tensor, bias: Tensor | None = None) -> Tensor:
    return torch.ops.mkldnn._linear_pointwise(left, right.mT, bias, "none", [], "")
