"""The subnetworks stage: paper D's Algorithm 1 on two-layer networks, and the convolutional networks of its section 6."""

from collections.abc import Mapping, Sequence
from typing import Any


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

    ``margins``: width, keep_prob, seed, learning_rate, steps; gamma of Assumption 1; attained, the least margin of the
    finite network's competitor V over the test examples; and of Theorem 4.1 and Lemma 5.2 lambda, required_width,
    error_bound and distance_bound. All but the first five are NaN for images, whose margin is not known.

    Args:
        name: of the experiment, for the progress lines.
        settings: widths, keep_probs, seeds, learning_rate, steps, recorded_steps; max_norm, the projection's c (None:
            that of Theorem 4.1, without its margin where that is not known); data, either ``distribution`` (caps),
            ``dimension``, ``separation`` and ``test_examples``, fresh examples at each step, or images: ``dataset``,
            ``train_examples``, ``test_examples`` and ``digits``, the two classes, the first labelled +1.
        data: the prepared dataset of images; None for a distribution.
        written: paths of ``errors``, ``distances``, ``margins`` and ``provenance``.
        code: the module files that decide the result; part of the state files' key.
        states: folder of the experiment's state files, removed when it is written.
        checkpoint_seconds: how often the state is saved.

    Raises:
        ConfigurationError: a setting that cannot work.
        DivergenceError: a network's output left the finite numbers.
    """
    raise NotImplementedError


def train_cnn(
    name: str,
    settings: Mapping[str, Any],
    data: str,
    written: Mapping[str, str],
    *,
    code: Sequence[str],
    states: str,
    checkpoint_seconds: float,
) -> None:
    """Train every convolutional network of an experiment (paper D, section 6) and test its sub-networks on the way.

    A network is a width of the top hidden layer, a keep probability and a seed. A recorded step t is the number of
    updates so far, and the visited sub-network has the mask that update t + 1 takes.

    Writes ``accuracies``: width, dropped_share (1 - keep_prob), run (the seed), step, network (full | visited |
    random), mask (the number of a random sub-network's mask, fixed during a run; -1 for the others), accuracy on the
    test examples.

    Args:
        name: of the experiment, for the progress lines.
        settings: widths, keep_probs, seeds, channels (of the two convolutions), hidden (width of the first dense
            layer), learning_rate, batch_size, epochs, recorded_steps, random_masks (0 for none), device; data:
            ``dataset``, ``train_examples`` and ``test_examples``.
        data: the prepared dataset of grey images.
        written: paths of ``accuracies`` and ``provenance``.
        code: the module files that decide the result; part of the state files' key.
        states: folder of the experiment's state files, removed when it is written.
        checkpoint_seconds: how often the state is saved.

    Raises:
        ConfigurationError: a setting that cannot work, or a width that does not fit into the device's memory; said
            before the first training starts.
        DivergenceError: a loss left the finite numbers.
    """
    raise NotImplementedError
