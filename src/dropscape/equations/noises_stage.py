"""The equations stage: where dropout, batches, noise on the parameters and no noise lead (paper C, appendix D)."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from dropscape.artifacts.files import write_json, write_table
from dropscape.artifacts.provenance import provenance
from dropscape.equations.activations import activation_called
from dropscape.equations.hessian_trace import hessian_trace
from dropscape.equations.initial import two_layers
from dropscape.equations.network import forward
from dropscape.equations.prepared import prepared
from dropscape.equations.sampled import Sampled, simulate_sampled
from dropscape.equations.states import States
from dropscape.numerics.devices import chosen_device
from dropscape.numerics.progress import Progress

METHODS = ("dropout", "sgd", "parameter_noise", "descent")


def measure_noises(
    name: str,
    settings: Mapping[str, Any],
    data: str,
    outputs: Mapping[str, str],
    *,
    code: Sequence[str],
    states: str,
    checkpoint_seconds: float,
) -> None:
    """Train with each noise, and with none, from the same starts, and measure the flatness of where they end.

    Args:
        name: of the experiment, for the progress lines.
        settings: ``data``, ``model``, ``loss``, ``seeds``, ``device``, ``learning_rate``, ``steps``, ``trials`` (of
            each seed), ``keep_prob``, ``batch_size`` and ``parameter_noise``.
        data: the prepared dataset.
        outputs: paths. Writes ``noises``: method (``descent`` is gradient descent on the plain loss), trial, seed,
            trace (of the Hessian of the loss without noise on all training examples), loss (the same) and
            test_accuracy; NaN where a trial diverged.
        code: the module files that decide the result; part of the state files' key.
        states: folder of the state files.
        checkpoint_seconds: how often a state is saved.
    """
    device = chosen_device(settings["device"])
    given = prepared(settings, data, device)
    start = given.start(settings["seeds"], settings["trials"])
    kept = States(states, [dict(settings), dict(given.description), device], code, checkpoint_seconds)
    activation, steps = settings["model"]["activation"], settings["steps"]
    progress = Progress(f"equations_noises {name}", len(METHODS) * steps)
    frames = []
    for done, method in enumerate(METHODS):
        # The other methods go without what is a method's own.
        own = {"dropout": "keep_prob", "sgd": "batch_size", "parameter_noise": "parameter_noise"}.get(method)
        sampled = Sampled(
            activation=activation,
            learning_rate=given.scale * settings["learning_rate"],
            steps=steps,
            history=(steps,),
            seeds=tuple(settings["seeds"]),
            purpose=f"noises/{method}",
            **({own: settings[own]} if own else {}),
        )
        simulated = simulate_sampled(
            sampled,
            start,
            given.train,
            given.test,
            checkpoint=kept.of(method),
            progress=lambda step, _, done=done: progress(done * steps + step),
        )
        ends = simulated.history
        passed = forward(two_layers(simulated.parameters), given.train, activation_called(activation))
        measured = {"trace": given.scale * hessian_trace(passed).cpu().numpy(), "loss": given.scale * ends["loss"]}
        frames.append(ends.assign(method=method, **measured))
    columns = ["method", "trial", "seed", "trace", "loss", "test_accuracy"]
    write_table(outputs["noises"], pd.concat(frames)[columns])
    write_json(outputs["provenance"], provenance("equations", settings, given.description, device))
    kept.remove()
