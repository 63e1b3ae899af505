"""The subnetworks stage: Algorithm 1 of paper D on two-layer networks."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from dropscape.artifacts.files import write_table
from dropscape.data.prepared import load_examples
from dropscape.jobs import Job
from dropscape.numerics.schedules import recording_schedule
from dropscape.subnetworks.bounds import active_bound, max_norm, theorem_bounds
from dropscape.subnetworks.distributions import Distribution, make_distribution
from dropscape.subnetworks.empirical_margin import empirical_margin
from dropscape.subnetworks.streams import FreshStream, Stream, two_classes
from dropscape.subnetworks.two_layer import DISTANCES, ERRORS, Algorithm1Run, Algorithm1Training, initial_weights
from dropscape.training.loop import finish_in_turn

DELTA = 0.05  # with what probability a bound may fail


def train_two_layer(job: Job) -> None:
    """Train every network of an experiment by Algorithm 1 (paper D, section 3) and write what its theorems are about.

    A network is a width, a keep probability and a seed. A recorded step t is the number of updates so far: its network
    has the weights W and its visited sub-network the mask B that update t + 1 takes. Misclassified is y f(x) < 0.

    Writes ``errors``: width, keep_prob, seed, step; error_full and error_visited, the shares of test examples that q W
    and g(W; ., B) misclassify; mean_error_full and mean_error_visited, their means over all iterates up to the step,
    taken as linear between recorded ones; active_width, how many neurons the mask keeps, and most_active, the most of
    any mask up to that one. loss_full, loss_visited and loss_small, the mean losses on the test examples of q W, of
    g(W; ., B) and of q^2 W (section 5: by Jensen's inequality the second one is above the first one in expectation over
    masks). Of all updates so far, NaN before the first one: mean_loss, the left-hand side of Lemma 5.1; loss_bound, the
    smallest of its right-hand sides with the competitors U = W_1 + lambda V of ``MULTIPLES`` that are in the ball, NaN
    where none is; competitors_loss, the smallest of these without the distance of U; largest_linearised, the largest
    L_t^(t)(U) of these U (Lemma B.5); smallest_margin and largest_margin of y_t <grad g_t(W_1), V> (Lemma B.4). V is 0
    for images, whose psi is not known.

    ``distances``: width, keep_prob, seed, step; largest and mean distance |w_r,t - w_r,1| of a neuron from its
    beginning; largest_norm of a neuron; flipped, the share of activations on the first ``FLIPPED`` test examples that
    are not as at the beginning (Lemma B.1); projected, how many neurons the projection has moved so far; bound, its c.

    ``margins``: width, keep_prob, seed, learning_rate, steps; gamma of Assumption 1, of images an upper bound of it
    (``empirical_margin``), which is kindest to the theorems; attained, the smallest margin that the finite network's
    competitor V has on a test example, in expectation over masks, of images the lower bound; and what
    ``theorem_bounds`` says of Theorems 4.1 and 4.2 and Lemma 5.2; active_bound, which the active widths of all steps
    stay below with probability 1 - ``DELTA``.

    The setting ``max_norm`` is the projection's c; None takes that of Theorem 4.1, without its margin where that is not
    known. ``data`` are either a ``distribution``, with fresh examples at each step, or images of two classes, of which
    the first of ``digits`` is labelled 1.

    A setting that cannot work is a ConfigurationError.
    """
    settings, data = job.settings, job.settings["data"]
    distribution = description = None
    if job.inputs.get("data"):
        examples = load_examples(job.inputs["data"], data)
        description, stream = examples.description, two_classes(examples, data["digits"])
    else:
        distribution = make_distribution(data["distribution"], data["dimension"], data["separation"])
        stream = FreshStream(distribution, data["test_examples"])
    job.provenance(description)
    configs = [_config(settings, width, distribution, stream.dimension) for width in settings["widths"]]
    trained = finish_in_turn(job, configs, lambda config: Algorithm1Run(config, stream), description, "cpu")
    measured = pd.concat(trained)
    write_table(job.outputs["errors"], measured[ERRORS])
    write_table(job.outputs["distances"], measured[DISTANCES])
    known = None if distribution else empirical_margin(*stream.chunk(0, 0)[:2])
    margins = [row for config in configs for row in _margins(config, distribution or known, stream)]
    write_table(job.outputs["margins"], pd.DataFrame(margins))


def _config(
    settings: Mapping[str, Any], width: int, distribution: Distribution | None, dimension: int
) -> Algorithm1Training:
    keep_probs = tuple(settings["keep_probs"])
    gammas = [distribution.margin(keep_prob) if distribution else None for keep_prob in keep_probs]
    c = settings["max_norm"]
    return Algorithm1Training(
        width=width,
        keep_probs=keep_probs,
        max_norms=tuple(max_norm(dimension, width, gamma) if c is None else c for gamma in gammas),
        seeds=tuple(settings["seeds"]),
        learning_rate=settings["learning_rate"],
        steps=settings["steps"],
        recorded=tuple(recording_schedule(settings["steps"], settings["recorded_steps"])),
    )


def _margins(
    config: Algorithm1Training, known: Distribution | tuple[float, float], stream: Stream
) -> list[dict[str, float]]:
    """Compute the rows of ``margins`` of one width; ``known`` are bounds of gamma / q where there is no formula."""
    rows = []
    for keep_prob, c in zip(config.keep_probs, config.max_norms, strict=True):
        for seed in config.seeds:
            if isinstance(known, Distribution):
                weights, _ = initial_weights(config.width, stream.dimension, seed)
                attained = known.attained_margin(weights, keep_prob, *stream.test)
                gamma = known.margin(keep_prob)
            else:
                attained, gamma = (keep_prob * bound for bound in known)
            run = {"width": config.width, "keep_prob": keep_prob, "seed": seed}
            run |= {"learning_rate": config.learning_rate, "steps": config.steps, "gamma": gamma, "attained": attained}
            run |= theorem_bounds(gamma, config.learning_rate, config.steps, config.width, c, DELTA)
            rows.append(run | {"active_bound": active_bound(config.width, keep_prob, config.steps, DELTA)})
    return rows
