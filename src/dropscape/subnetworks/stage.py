"""The subnetworks stage: Algorithm 1 of paper D on two-layer networks."""

import math
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from dropscape.artifacts.files import write_json, write_table
from dropscape.artifacts.provenance import provenance
from dropscape.data.examples import Examples
from dropscape.data.prepared import load_examples
from dropscape.numerics.progress import Progress
from dropscape.numerics.schedules import recording_schedule
from dropscape.subnetworks import two_layer
from dropscape.subnetworks.bounds import Bounds, active_bound, max_norm
from dropscape.subnetworks.distributions import Distribution, distribution_called
from dropscape.subnetworks.margin import attained_margin
from dropscape.subnetworks.parts import part_of, state_key
from dropscape.subnetworks.streams import Fresh, Stream, two_classes
from dropscape.subnetworks.two_layer import TwoLayer, initial_weights
from dropscape.training.checkpoint import Checkpoint

DELTA = 0.05  # with what probability a bound may fail

MARGINS = ["gamma", "attained", "lambda", "required_width", "error_bound", "distance_bound"]


def train_two_layer(
    name: str,
    settings: Mapping[str, Any],
    data: str | None,
    written: Mapping[str, str],
    *,
    code: Sequence[str],
    states: str,
    checkpoint_seconds: float,
) -> None:
    """Train every network of an experiment by Algorithm 1 (paper D, section 3) and write what its theorems are about.

    A network is a width, a keep probability and a seed. A recorded step t is the number of updates so far: its network
    has the weights W and its visited sub-network the mask B that update t + 1 takes. Misclassified is y f(x) < 0.

    Writes ``errors``: width, keep_prob, seed, step; error_full and error_visited, the shares of test examples that q W
    and g(W; ., B) misclassify; mean_error_full and mean_error_visited, their means over all iterates up to the step,
    taken as linear between recorded ones; active_width, how many neurons the mask keeps.

    ``distances``: width, keep_prob, seed, step; largest and mean distance |w_r,t - w_r,1| of a neuron from its
    beginning; largest_norm of a neuron; projected, how many neurons the projection has moved so far; bound, its c.

    ``margins``: width, keep_prob, seed, learning_rate, steps; gamma of Assumption 1; attained, the least margin that
    the finite network's competitor V has on a test example, in expectation over masks; and of Theorem 4.1 and Lemma 5.2
    lambda, required_width, error_bound and distance_bound, all NaN for images, whose margin is not known; active_bound,
    which the active widths of all steps stay below with probability 1 - ``DELTA``.

    Args:
        name: of the experiment, for the progress lines.
        settings: widths, keep_probs, seeds, learning_rate, steps, recorded_steps; max_norm, the projection's c (None:
            that of Theorem 4.1, without its margin where that is not known); data, either ``distribution`` (caps or
            sectors), ``dimension``, ``separation`` and ``test_examples``, fresh examples at each step, or images:
            ``dataset``, ``train_examples``, ``test_examples`` and ``digits``, the two classes, the first labelled 1.
        data: the prepared dataset of images; None for a distribution.
        written: paths of ``errors``, ``distances``, ``margins`` and ``provenance``.
        code: the module files that decide the result; part of the state files' key.
        states: folder of the experiment's state files, removed when it is written.
        checkpoint_seconds: how often the state is saved.

    Raises:
        ConfigurationError: a setting that cannot work.
    """
    examples = load_examples(data, settings["data"]) if data else None
    distribution, stream = _stream(settings["data"], examples)
    description = examples.description if examples else None
    steps = settings["steps"]
    key = state_key(settings, description, "cpu", code)
    widths = settings["widths"]
    progress = Progress(f"subnetworks {name}", steps * len(widths))
    errors, distances, margins = [], [], []
    for index, width in enumerate(widths):
        plan = _plan(settings, width, distribution, stream.dimension)
        trained = two_layer.train(
            plan,
            stream,
            checkpoint=Checkpoint(Path(states) / f"{key}-{width}.safetensors", checkpoint_seconds),
            progress=part_of(progress, index * steps, steps * len(widths)),
        )
        errors.append(trained.errors)
        distances.append(trained.distances)
        margins += _margins(plan, distribution, stream)
    write_table(written["errors"], pd.concat(errors))
    write_table(written["distances"], pd.concat(distances))
    write_table(written["margins"], pd.DataFrame(margins))
    write_json(written["provenance"], provenance("subnetworks", settings, description))
    shutil.rmtree(states, ignore_errors=True)  # with states of other settings or code, which nothing reads again


def _stream(data: Mapping[str, Any], examples: Examples | None) -> tuple[Distribution | None, Stream]:
    if examples:
        return None, two_classes(examples, data["digits"])
    distribution = distribution_called(data["distribution"], data["dimension"], data["separation"])
    return distribution, Fresh(distribution, data["test_examples"])


def _plan(settings: Mapping[str, Any], width: int, distribution: Distribution | None, dimension: int) -> TwoLayer:
    keep_probs = tuple(settings["keep_probs"])
    gammas = [distribution.margin(keep_prob) if distribution else None for keep_prob in keep_probs]
    c = settings["max_norm"]
    return TwoLayer(
        width=width,
        keep_probs=keep_probs,
        max_norms=tuple(max_norm(dimension, width, gamma) if c is None else c for gamma in gammas),
        seeds=tuple(settings["seeds"]),
        learning_rate=settings["learning_rate"],
        steps=settings["steps"],
        recorded=tuple(recording_schedule(settings["steps"], settings["recorded_steps"])),
    )


def _margins(plan: TwoLayer, distribution: Distribution | None, stream: Stream) -> list[dict[str, float]]:
    """The rows of ``margins`` of one width."""
    rows = []
    for keep_prob, c in zip(plan.keep_probs, plan.max_norms, strict=True):
        for seed in plan.seeds:
            row = {"width": plan.width, "keep_prob": keep_prob, "seed": seed}
            row |= {"learning_rate": plan.learning_rate, "steps": plan.steps}
            known = dict.fromkeys(MARGINS, math.nan)
            if distribution:
                weights, _ = initial_weights(plan.width, stream.dimension, seed)
                attained = attained_margin(distribution, weights, keep_prob, *stream.test)
                bounds = Bounds(distribution.margin(keep_prob), plan.learning_rate, plan.steps, plan.width, c)
                values = [bounds.gamma, attained, bounds.lambda_, bounds.required_width, bounds.error, bounds.distance]
                known = dict(zip(MARGINS, values, strict=True))
            rows.append(row | known | {"active_bound": active_bound(plan.width, keep_prob, plan.steps, DELTA)})
    return rows
