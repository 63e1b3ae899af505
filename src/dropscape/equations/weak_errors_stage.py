"""The equations stage: how far the equations' expected end is from dropout's (paper C, Fig. 1b, c)."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import pandas as pd

from dropscape.artifacts.files import write_json, write_table
from dropscape.artifacts.provenance import provenance
from dropscape.equations.initial import two_layers
from dropscape.equations.network import Sample
from dropscape.equations.prepared import prepared
from dropscape.equations.simulation import Simulation
from dropscape.equations.states import States
from dropscape.equations.weak_error import WeakError, end_differences, weak_error
from dropscape.errors import DivergenceError
from dropscape.numerics.devices import chosen_device
from dropscape.numerics.progress import Progress


def measure_weak_errors(
    name: str,
    settings: Mapping[str, Any],
    data: str,
    outputs: Mapping[str, str],
    *,
    code: Sequence[str],
    states: str,
    checkpoint_seconds: float,
) -> None:
    """Measure |E Theta_T - E theta_T| at every order, keep probability and learning rate, in float64.

    All trials start at the first trial's start of the first seed; the paper's expectations are over the noise, too.
    Every point has trials of its own, so that the points of a fitted line are independent.

    Args:
        name: of the experiment, for the progress lines.
        settings: ``data``, ``model``, ``loss``, ``seeds``, ``device``, ``orders``, ``keep_probs``, ``learning_rates``,
            ``flow_time``, ``trials``, ``inner_steps`` and ``scheme``.
        data: the prepared dataset.
        outputs: paths. Writes ``weak_errors``: order, keep_prob, learning_rate and the fields of
            ``dropscape.equations.weak_error.WeakError``.
        code: the module files that decide the result; part of the state files' key.
        states: folder of the state files; a point that was measured is not measured again.
        checkpoint_seconds: how often a state would be saved; a point is one piece.

    Raises:
        DivergenceError: a trial's parameters left the finite numbers.
    """
    device = chosen_device(settings["device"])
    given = prepared(settings, data, device)
    kept = States(states, [dict(settings), dict(given.description), device], code, checkpoint_seconds)
    start = two_layers([layer.double() for layer in given.start(settings["seeds"][:1], 1)])
    train = Sample(given.train.inputs.double(), given.train.targets.double())
    points = [
        (order, keep_prob, rate)
        for order in settings["orders"]
        for keep_prob in settings["keep_probs"]
        for rate in settings["learning_rates"]
    ]
    # The work of a point is its number of steps.
    steps = [round(settings["flow_time"] / rate) for _, _, rate in points]
    progress = Progress(f"equations_weak_errors {name}", sum(steps))
    rows = []
    for done, (order, keep_prob, rate) in enumerate(points):
        checkpoint = kept.of(order, keep_prob, rate)
        saved = checkpoint.load()
        if saved is None:
            simulation = Simulation(
                f"order_{order}",
                settings["model"]["activation"],
                keep_prob,
                given.scale * rate,
                steps[done],
                (),
                tuple(settings["seeds"][:1]),
                inner_steps=settings["inner_steps"],
                scheme=settings["scheme"],
                purpose=f"weak_errors/{order}/{keep_prob}/{rate}",
            )
            try:
                measured = weak_error(end_differences(simulation, start, train, settings["trials"]))
            except DivergenceError:
                raise DivergenceError(
                    f"A trial of experiment '{name}' diverged at learning_rate {rate:g} and keep_prob {keep_prob:g}, "
                    "so that there is no expectation to compare: write smaller learning_rates or larger keep_probs "
                    "into its weak_errors."
                ) from None
            checkpoint.save({}, asdict(measured))
        else:
            measured = WeakError(**saved[1])
        rows.append({"order": order, "keep_prob": keep_prob, "learning_rate": rate} | asdict(measured))
        progress(sum(steps[: done + 1]))
    write_table(outputs["weak_errors"], pd.DataFrame(rows))
    write_json(outputs["provenance"], provenance("equations", settings, given.description, device))
    kept.remove()
