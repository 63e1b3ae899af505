"""Rates that fit what was timed, as code for ``cost_model/rates.py``, and what they would have foreseen.

A work takes as long as its launches, or as its operations and its bytes one after the other, whichever is longer.
"""

import math

import numpy as np
import torch
from scipy.optimize import least_squares

from benchmarks.gpu_check.lines import Line
from benchmarks.gpu_check.machine import Machine, Work

WITHIN = 2.0  # the factor that a forecast is to be within
TRUST = 0.05  # in the rates that were measured directly, beside a work


def foreseen(work: Work, rates: dict[str, float]) -> float:
    """Foresee the seconds of a work."""
    launches = work.calls * rates["replay" if work.replayed else "launch"]
    return max(launches, work.flops / rates[work.precision] + work.moved / rates["memory"])


def fitted(works: list[Work], measured: dict[str, float]) -> dict[str, float]:
    """Fit the rates, from those that were measured on."""
    wanted = {work.precision for work in works} | {"memory", "launch", "replay"}
    names = sorted(name for name in wanted if name in measured)
    start = np.log([measured[name] for name in names])

    def misses(logs: np.ndarray) -> np.ndarray:
        rates = dict(zip(names, np.exp(logs), strict=True))
        return np.array(
            [math.log(foreseen(work, rates) / work.seconds) for work in works] + list(TRUST * (logs - start))
        )

    best = least_squares(misses, start, loss="soft_l1").x
    return measured | dict(zip(names, map(float, np.exp(best)), strict=True))


def code(rates: dict[str, float]) -> str:
    """Write the rates as they stand in ``cost_model/rates.py``."""
    flops = ", ".join(
        f'"{name}": {rates[name]:.3g}' for name in ("float32", "tf32", "bfloat16", "float64") if name in rates
    )
    others = {"bytes": "memory", "call": "launch", "replay": "replay", "eigen": "eigen"}
    lines = [f"{name}={rates[key]:.3g}," for name, key in others.items() if key in rates]
    total = torch.cuda.get_device_properties(0).total_memory
    return "\n    ".join(["GPU = GpuRate(", f"flops={{{flops}}},", *lines, f"memory={total:.3g},"]) + "\n)"


def forecasts(machine: Machine) -> list[Line]:
    """Print the fitted rates, and compare the forecast of each work with what it took."""
    missing = {"float32", "memory", "launch", "replay"} - set(machine.limits)
    if missing or not machine.works:
        raise RuntimeError("rates need the limits of the device and something that was timed: check everything")
    works = [work for work in machine.works if work.precision in machine.limits]
    rates = fitted(works, machine.limits)
    lines = [Line("fitted rates", note=code(rates).replace("\n", " "))]
    for work in works:
        ratio = foreseen(work, rates) / work.seconds
        lines.append(
            Line(
                f"forecast: {work.name}",
                max(ratio, 1 / ratio),
                math.nan if machine.pretended else WITHIN,
                seconds=work.seconds,
                note=f"{foreseen(work, rates):.3g} s foreseen",
            )
        )
    return lines


CHECKS = {"rates": forecasts}
