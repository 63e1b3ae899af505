"""Rates that fit what was timed, as code for ``cost_model/rates.py``, and what they and the present ones foresee."""

import math
from dataclasses import replace

import numpy as np
import torch
from scipy.optimize import least_squares

from benchmarks.gpu_check.lines import Line
from benchmarks.gpu_check.machine import Machine, Work
from dropscape.cost_model.rates import GPU, GpuRate

WITHIN = 2.0  # the factor that a forecast is to be within
TRUST = 0.05  # in the rates that were measured directly, beside a work


def foreseen(work: Work, rate: GpuRate) -> float:
    """Foresee the seconds of a work."""
    return rate.seconds(work.flops, work.moved, work.calls, work.precision, work.replayed)


def measured_rate(limits: dict[str, float], memory: float) -> GpuRate:
    """Return the limits as rates; what was not measured is as it stands."""
    flops = {name: limits.get(name, present) for name, present in GPU.flops.items()}
    others = {"bytes": "memory", "call": "launch", "replay": "replay", "eigen": "eigen"}
    given = {name: limits[key] for name, key in others.items() if key in limits}
    return replace(GPU, flops=flops, memory=memory, **given)


def fitted(works: list[Work], start: GpuRate) -> GpuRate:
    """Fit rates to the works, from those that were measured on."""
    precisions = sorted({work.precision for work in works})
    first = np.log([start.bytes, start.call, start.replay, *(start.flops[name] for name in precisions)])

    def rate(logs: np.ndarray) -> GpuRate:
        moved, call, replay, *products = map(float, np.exp(logs))
        flops = {**start.flops, **dict(zip(precisions, products, strict=True))}
        return replace(start, flops=flops, bytes=moved, call=call, replay=replay)

    def misses(logs: np.ndarray) -> np.ndarray:
        ratios = [foreseen(work, rate(logs)) / work.seconds for work in works]
        return np.concatenate([np.log(ratios), TRUST * (logs - first)])

    return rate(least_squares(misses, first, loss="soft_l1").x)


def code(rate: GpuRate) -> str:
    """Write rates as they stand in ``cost_model/rates.py``."""
    flops = ", ".join(f'"{name}": {value:.3g}' for name, value in rate.flops.items())
    others = [f"{name}={getattr(rate, name):.3g}" for name in ("bytes", "call", "replay", "eigen", "memory")]
    return f"GPU = GpuRate(flops={{{flops}}}, {', '.join(others)})"


def forecasts(machine: Machine) -> list[Line]:
    """Fit the rates, and compare the forecast of each work with what it took."""
    if not machine.works or not {"float32", "memory", "launch", "replay"} <= set(machine.limits):
        raise RuntimeError("rates need the limits of the device and something that was timed: check everything")
    rate = fitted(machine.works, measured_rate(machine.limits, torch.cuda.get_device_properties(0).total_memory))
    lines = [Line("fitted rates", note=code(rate))]
    for work in machine.works:
        ratio = foreseen(work, rate) / work.seconds
        lines.append(
            Line(
                f"forecast: {work.name}",
                max(ratio, 1 / ratio),
                math.nan if machine.pretended else WITHIN,
                seconds=work.seconds,
                note=f"{foreseen(work, rate):.3g} s, with the present rates {foreseen(work, GPU):.3g} s",
            )
        )
    return lines


CHECKS = {"rates": forecasts}
