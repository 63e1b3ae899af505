"""The equations stage: losses along dropout, its modified equations and descent on the modified loss."""

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from torch import Tensor

from dropscape.artifacts.files import digest, write_json, write_table
from dropscape.artifacts.provenance import provenance
from dropscape.data.examples import Examples
from dropscape.data.prepared import load_examples
from dropscape.equations.initial import starts, two_layers
from dropscape.equations.prepared import data_settings, samples
from dropscape.equations.simulation import Simulated, Simulation, simulate
from dropscape.numerics.devices import chosen_device
from dropscape.numerics.progress import Progress
from dropscape.numerics.schedules import recording_schedule
from dropscape.training.checkpoint import Checkpoint


def loss_scale(loss: str, outputs: int) -> float:
    """What the loss is in units of R_S of eq. (1), summed over the outputs.

    Torch's mean over examples and outputs is 2/outputs of it. Dropout and its equations of either order with a learning
    rate eta on that loss are exactly those with ``2 eta / outputs`` on R_S, so this factor is all that is needed.
    """
    return {"mse": 1.0, "torch_mse": 2 / outputs}[loss]


class States:
    """The states of a job's simulations, each under a name of its own.

    Args:
        folder: of the job, removed when its tables are written.
        key: JSON-able, everything that decides the results.
        code: the module files that do, too.
        seconds: how often a state is saved.
    """

    def __init__(self, folder: str, key: Any, code: Sequence[str], seconds: float):
        environment = [torch.__version__, torch.get_num_threads()]
        self._folder, self._seconds = Path(folder), seconds
        self._digest = digest([key, environment], sorted(code))

    def of(self, *name: Any) -> Checkpoint:
        """The state of the simulation of that name."""
        return Checkpoint(self._folder / f"{self._digest}-{'-'.join(map(str, name))}.safetensors", self._seconds)

    def remove(self) -> None:
        """Forget all of them, with those of other settings or code, which nothing reads again."""
        shutil.rmtree(self._folder, ignore_errors=True)


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

    A trial of every method and point has the same start, and noise of its own. The equations take one step of
    Euler-Maruyama a step of dropout, as in the paper. Losses are those of the experiment (``loss_scale``).

    Args:
        name: of the experiment, for the progress lines.
        settings: ``data``, ``model``, ``loss``, ``seeds``, ``device``, ``methods``, ``trials`` (of each seed),
            ``history_points`` and ``runs``.
        data: the prepared dataset.
        outputs: paths. Writes ``trajectories``: learning_rate, keep_prob, method, trial, seed, step, loss (without
            dropout), test_loss and test_accuracy, NaN from a divergence on; and ``divergences``: learning_rate,
            keep_prob, method, trials, diverged (how many) and first_step (of the first, NaN if none).
        code: the module files that decide the result; part of the state files' key.
        states: folder of the state files.
        checkpoint_seconds: how often a state is saved.
    """
    device = chosen_device(settings["device"])
    examples = load_examples(data, data_settings(settings["data"]))
    kept = States(states, [dict(settings), examples.description, device], code, checkpoint_seconds)
    progress = Progress(f"equations {name}", _steps(settings))
    trajectories, divergences, done = [], [], 0
    for run, point in settings["runs"].items():
        for method in settings["methods"]:
            simulated, scale = simulate_point(
                method, point, settings, examples, device, kept.of(run, method),
                lambda step, steps, done=done: progress(done + step),
            )  # fmt: skip
            key = {name: point[name] for name in ("learning_rate", "keep_prob")} | {"method": method}
            history = simulated.history.assign(loss=scale * simulated.history["loss"])
            trajectories.append(history.assign(**key, test_loss=scale * history["test_loss"]))
            divergences.append(key | divergence(simulated.diverged))
            done += point["steps"]
    columns = ["learning_rate", "keep_prob", "method"]
    table = pd.concat(trajectories)
    write_table(outputs["trajectories"], table[columns + [name for name in table if name not in columns]])
    write_table(outputs["divergences"], pd.DataFrame(divergences))
    write_json(outputs["provenance"], provenance("equations", settings, examples.description, device))
    kept.remove()


def simulate_point(
    method: str,
    point: Mapping[str, Any],
    settings: Mapping[str, Any],
    examples: Examples,
    device: str,
    checkpoint: Checkpoint | None = None,
    progress: Any = None,
) -> tuple[Simulated, float]:
    """One method's trials at one point, and the scale of its losses; arguments as ``simulate_experiment``'s."""
    train, test = samples(examples, settings["data"]["side"], device)
    scale = loss_scale(settings["loss"], train.targets.shape[1])
    simulation = Simulation(
        method,
        settings["model"]["activation"],
        point["keep_prob"],
        scale * point["learning_rate"],
        point["steps"],
        tuple(recording_schedule(point["steps"], settings["history_points"])),
        tuple(settings["seeds"]),
        purpose=f"trajectories/{method}",  # methods are independent of each other
    )
    start = start_of(settings, train.inputs.shape[1] - 1, train.targets.shape[1], settings["trials"], device)
    simulated = simulate(
        simulation, start, train, test, on_divergence="record", checkpoint=checkpoint, progress=progress
    )
    return simulated, scale


def start_of(settings: Mapping[str, Any], inputs: int, outputs: int, trials: int, device: str):
    """The first parameters of every trial."""
    model = settings["model"]
    weights = starts([inputs, *model["widths"], outputs], model["initial_scale"], settings["seeds"], trials)
    return two_layers([layer.to(device) for layer in weights])


def divergence(diverged: Tensor) -> dict[str, float]:
    """How many of T trials diverged, and the first step after which one had; from (T,) int64, -1 for none."""
    steps = diverged[diverged >= 0].tolist()
    return {"trials": len(diverged), "diverged": len(steps), "first_step": min(steps, default=float("nan"))}


def _steps(settings: Mapping[str, Any]) -> int:
    return len(settings["methods"]) * sum(point["steps"] for point in settings["runs"].values())
