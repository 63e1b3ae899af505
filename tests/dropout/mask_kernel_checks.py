"""Checks of the kernel of Triton's, in a process of their own, because how it runs is decided when it is imported.

``interpreted``: with TRITON_INTERPRET=1 it runs on a processor, and gives the bits of the other ways. ``compiled``: the
compiler makes machine code of it for a GPU that need not be there.
"""

import sys

import torch

from dropscape.dropout import mask_kernel
from dropscape.dropout.masks import MaskStream


def interpreted():
    stream = MaskStream(3, "test", "masks")
    for examples, units, start in ((7, 33, 0), (100, 64, 5), (3, 5000, 10**6), (1, 1, 0)):
        for draw, keep_prob in ((0, 0.3), (2**28 - 1, 0.8)):
            x = torch.randn(examples, units, dtype=torch.float64)
            for dtype in (torch.float32, torch.float64):
                expected = stream.masked(x.to(dtype), draw, keep_prob, start)
                for number in (draw, torch.tensor(draw)):
                    assert torch.equal(stream._masked_by_triton(x.to(dtype), number, keep_prob, start), expected)
            # The interpreter cuts digits off where a GPU rounds.
            rough = x.to(torch.bfloat16)
            found, expected = (
                stream._masked_by_triton(rough, draw, keep_prob, start),
                stream.masked(rough, draw, keep_prob, start),
            )
            torch.testing.assert_close(found, expected, rtol=2**-7, atol=0)


def compiled():
    import triton
    from triton.backends.compiler import GPUTarget
    from triton.compiler import ASTSource

    for kind in ("fp32", "fp64", "bf16"):
        signature = {"x": f"*{kind}", "out": f"*{kind}", "draw": "*i64"}
        signature |= dict.fromkeys(("state", "draw_step", "limit", "units", "words"), "i64")
        constants = {"SCALE": 1 / 0.3, "BLOCK": 1024}
        names = mask_kernel._mask.arg_names
        signature = {name: signature.get(name, "constexpr") for name in names}
        source = ASTSource(fn=mask_kernel._mask, signature=signature, constexprs=constants)
        made = triton.compile(source, target=GPUTarget("cuda", 90, 32))
        assert "cubin" in made.asm and "st.global" in made.asm["ptx"]


globals()[sys.argv[1]]()
