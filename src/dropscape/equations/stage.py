"""The equations stage: losses along dropout, its modified equations and descent on the modified loss."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pandas as pd
from torch import Tensor

from dropscape.artifacts.files import write_json, write_table
from dropscape.artifacts.provenance import provenance
from dropscape.equations.initial import two_layers
from dropscape.equations.prepared import Prepared, prepared
from dropscape.equations.record import Simulated
from dropscape.equations.sampled import Sampled, simulate_sampled
from dropscape.equations.simulation import Simulation, simulate
from dropscape.equations.states import States
from dropscape.numerics.devices import chosen_device
from dropscape.numerics.progress import Progress
from dropscape.numerics.schedules import recording_schedule
from dropscape.training.checkpoint import Checkpoint

KEY = ["learning_rate", "keep_prob", "method"]


def simulate_experiment(
    name: str,
    settings: Mapping[str, Any],
    data: str,
    outputs: Mapping[str, str],
    *,
    code: Sequence[str],
    states: str,
    checkpoint_seconds: float,
) -> None:
    """Simulate every method at every point (learning rate, keep probability) of an experiment (paper C, Fig. 1a and 2).

    A trial has the same start with every method at every point, and noise of its own with each method. The equations
    take one step of Euler-Maruyama for a step of dropout, as in the paper.

    Args:
        name: of the experiment, for the progress lines.
        settings: ``data``, ``model``, ``loss``, ``seeds``, ``device``, ``methods``, ``trials`` (of each seed),
            ``history_points``, ``batch_size``, ``samples`` and ``runs``.
        data: the prepared dataset.
        outputs: paths. Writes ``trajectories``: learning_rate, keep_prob, method, trial, seed, step, loss (without
            dropout), test_loss and test_accuracy, NaN from a divergence on; and ``divergences``: learning_rate,
            keep_prob, method, trials, diverged (how many) and first_step (of the first, NaN if none).
        code: the module files that decide the result; part of the state files' key.
        states: folder of the state files.
        checkpoint_seconds: how often a state is saved.
    """
    device = chosen_device(settings["device"])
    given = prepared(settings, data, device)
    start = given.start(settings["seeds"], settings["trials"])
    kept = States(states, [dict(settings), dict(given.description), device], code, checkpoint_seconds)
    simulations = [(run, method) for run in settings["runs"] for method in settings["methods"]]
    progress = Progress(f"equations {name}", sum(settings["runs"][run]["steps"] for run, _ in simulations))
    trajectories, divergences, done = [], [], 0
    for run, method in simulations:
        point = settings["runs"][run]
        simulated = simulate_point(
            method,
            point,
            settings,
            given,
            start,
            kept.of(run, method),
            lambda step, _, done=done: progress(done + step),
        )
        key = {"learning_rate": point["learning_rate"], "keep_prob": point["keep_prob"], "method": method}
        losses = {loss: given.scale * simulated.history[loss] for loss in ("loss", "test_loss")}
        trajectories.append(simulated.history.assign(**key, **losses))
        divergences.append(key | divergence(simulated.diverged))
        done += point["steps"]
    table = pd.concat(trajectories)
    write_table(outputs["trajectories"], table[KEY + [column for column in table if column not in KEY]])
    write_table(outputs["divergences"], pd.DataFrame(divergences))
    write_json(outputs["provenance"], provenance("equations", settings, given.description, device))
    kept.remove()


def simulate_point(
    method: str,
    point: Mapping[str, Any],
    settings: Mapping[str, Any],
    given: Prepared,
    start: Sequence[Tensor],
    checkpoint: Checkpoint | None = None,
    progress: Callable[..., None] | None = None,
) -> Simulated:
    """All trials of one method at one point, with losses in units of R_S: exactly, or with ``samples`` of gradients."""
    common = {
        "activation": settings["model"]["activation"],
        "keep_prob": point["keep_prob"],
        "learning_rate": given.scale * point["learning_rate"],
        "steps": point["steps"],
        "history": tuple(recording_schedule(point["steps"], settings["history_points"])),
        "seeds": tuple(settings["seeds"]),
        "purpose": f"trajectories/{method}",
    }
    kept = {"checkpoint": checkpoint, "progress": progress}
    if settings["samples"] is None:
        simulation = Simulation(method, **common)
        return simulate(simulation, two_layers(start), given.train, given.test, on_divergence="record", **kept)
    samples = {"dropout": 1, "order_1": settings["samples"]}[method]
    sampled = Sampled(**common, batch_size=settings["batch_size"], samples=samples)
    return simulate_sampled(sampled, start, given.train, given.test, **kept)


def divergence(diverged: Tensor) -> dict[str, float]:
    """How many of T trials diverged, and the first step after which one had; from (T,) int64, -1 for none."""
    steps = diverged[diverged >= 0].tolist()
    return {"trials": len(diverged), "diverged": len(steps), "first_step": min(steps, default=float("nan"))}
