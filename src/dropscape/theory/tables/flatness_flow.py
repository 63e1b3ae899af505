"""Theorem 2 of paper B on random networks: the Hessian's trace along the gradient flow of R_S + R_1."""

from collections.abc import Sequence
from dataclasses import replace

import pandas as pd
import torch
from torch import Tensor

from dropscape.dropout.masks import mask_variance
from dropscape.numerics.seeds import torch_generator
from dropscape.theory import flatness_flow as flow

# The flow is followed until T would have changed by this share, or for this time over T, whichever is shorter.
SHARE, STIFFNESS = 0.01, 3.0
# Runge-Kutta steps of the flow; a step times T, at least the Hessian's largest eigenvalue, is at most 0.08.
STEPS = 40


def table(networks: int, sizes: Sequence[Sequence[int]], keep_probs: Sequence[float], seed: int) -> pd.DataFrame:
    """One row per (activation, size, network).

    Everything is float64. Inputs are N(0, I); input weights ``N(0, u^2/d)`` and output weights ``N(0, v^2)`` with
    log-normal scales u and v of each network's own; targets are the network's outputs, so R_S = 0. Both activations
    have the same draws.

    Args:
        networks: of each size.
        sizes: d, m and n of each size.
        keep_probs: the paper's p; networks take them in turn. It scales the derivative and changes no sign. One outside
            (0, 1] is a ConfigurationError.

    Returns:
        The columns

        - ``activation``: ``relu``, the theorem's, or ``tanh``. ``inputs``, ``hidden``, ``examples``: d, m and n.
          ``network``: index from 0. ``keep_prob``: p. ``input_scale``, ``output_scale``: u and v.
        - ``risk``: R_S at the start, 0 in the theorem. ``gradient_norm``: |grad R_1|, not 0 in the theorem.
        - ``trace``: T at the start. ``derivative``: dT/dt there, by automatic differentiation. ``closed_form_error``:
          its relative difference to the closed form (ReLU only).
        - ``falls``: whether dT/dt < 0; missing where grad R_1 is 0.
        - ``time``: how long the flow of R_S + R_1 is then followed. ``predicted_change``: dT/dt times that over T.
          ``trace_change``: what T has changed by, relative to the start.
        - ``turned``: pairs of a neuron and an example on which its activity changed sides.
        - ``falls_in_flow``: whether T is smaller after that time; missing where grad R_1 is 0.
        - ``falls_unturned``: the same, missing also where a pair has turned.
    """
    frames = []
    for activation in flow.ACTIVATIONS:
        for inputs, units, examples in sizes:
            drawn, scales = _random_networks(activation, networks, (inputs, units, examples), keep_probs, seed)
            key = {"activation": activation, "inputs": inputs, "hidden": units, "examples": examples}
            cycled = [float(keep_probs[index % len(keep_probs)]) for index in range(networks)]
            frames.append(pd.DataFrame(key | {"network": range(networks), "keep_prob": cycled} | scales | _row(drawn)))
    return pd.concat(frames, ignore_index=True)


def _random_networks(
    activation: str, networks: int, size: tuple[int, int, int], keep_probs: Sequence[float], seed: int
) -> tuple[flow.Networks, dict[str, Tensor]]:
    inputs, units, examples = size
    generator = torch_generator(seed, "theory", f"flatness flow {inputs} {units} {examples}")

    def normal(*shape: int) -> Tensor:
        return torch.randn(networks, *shape, generator=generator, dtype=torch.float64)

    input_scale, output_scale = normal().exp(), normal().exp()
    strengths = [mask_variance(keep_probs[index % len(keep_probs)]) for index in range(networks)]
    drawn = flow.Networks(
        a=normal(units) * output_scale[:, None],
        w=normal(units, inputs) * input_scale[:, None, None] / inputs**0.5,
        x=normal(examples, inputs),
        y=torch.zeros(networks, examples, dtype=torch.float64),
        strength=torch.tensor(strengths, dtype=torch.float64),
        activation=activation,
    )
    return replace(drawn, y=flow.outputs(drawn)), {"input_scale": input_scale, "output_scale": output_scale}


def _row(networks: flow.Networks) -> dict[str, object]:
    """The measured columns, one value per network each."""
    of_a, of_w = flow.gradient(flow.r1, networks)
    norm = (of_a.square().sum(1) + of_w.square().sum((1, 2))).sqrt()
    start, derivative = flow.trace(networks), flow.trace_derivative(networks)
    error = torch.full_like(start, torch.nan)
    if networks.activation == "relu":
        error = (flow.relu_trace_derivative(networks) - derivative).abs() / derivative.abs()
    # Without a gradient nothing flows, and the time below would be infinite.
    defined = norm > 0
    time = torch.where(defined, torch.minimum(SHARE * start / derivative.abs(), STIFFNESS / start), 0.0)
    end = flow.flowed(networks, time, STEPS)
    turned = ((flow.hidden(networks) > 0) != (flow.hidden(end) > 0)).sum((1, 2))
    change = flow.trace(end) / start - 1
    return {
        "risk": flow.risk(networks),
        "gradient_norm": norm,
        "trace": start,
        "derivative": derivative,
        "closed_form_error": error,
        "falls": _where(defined, derivative < 0),
        "time": time,
        "predicted_change": derivative * time / start,
        "trace_change": change,
        "turned": turned,
        "falls_in_flow": _where(defined, change < 0),
        "falls_unturned": _where(defined & (turned == 0), change < 0),
    }


def _where(defined: Tensor, holds: Tensor) -> pd.Series:
    """``holds`` as nullable booleans, missing where not ``defined``."""
    return pd.Series(holds.tolist(), dtype="boolean").where(pd.Series(defined.tolist()))
