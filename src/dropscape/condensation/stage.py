"""The condensation stage measures orientations of a run's neurons along training, and a one-dimensional function."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from torch import Tensor

from dropscape.artifacts.files import write_table
from dropscape.artifacts.tensors import read_tensors
from dropscape.condensation.effective_ratio import effective_neurons
from dropscape.condensation.features import leading_share, ordered_similarity, orientations
from dropscape.condensation.movement import contributions, dead, relative_movement, rotation
from dropscape.condensation.piecewise import (
    Layers,
    convexity_changes,
    excess_convexity_changes,
    functional_intercepts,
    hidden_features,
    outputs,
    total_variation,
    visible_convexity_changes,
)
from dropscape.condensation.trace import hessian_trace
from dropscape.data.examples import Examples
from dropscape.data.prepared import load_examples
from dropscape.errors import ConfigurationError
from dropscape.jobs import Job
from dropscape.models.settings import network_kind
from dropscape.numerics.progress import Progress

POINTS = 201  # of a function that is drawn
SHOWN = 100  # neurons of a layer in the table of similarities

FUNCTION_MEASURES = ("total_variation", "total_variation_error", "convexity_changes", "visible_convexity_changes")
FUNCTION_MEASURES += ("excess_convexity_changes", "functional_intercepts")
COLUMNS = {
    "neurons": ["seed", "layer", "step", "neuron", "orientation", "amplitude", "contribution", "dead"],
    "function": ["seed", "step", "x", "output"],
    "similarity": ["layer", "row", "column", "cosine"],
}


def measure_condensation(job: Job) -> None:
    """Measure the neurons of some layers at every recorded step of a training (paper B, section VI).

    Writes ``condensation``: seed, layer, step; effective_ratio and effective_ratio_unsigned, where parallel includes
    the opposite direction, over all neurons of the layer, each with a lower bound (``_lower``), and the latter at each
    of ``other_thresholds`` at the last step (``effective_ratio_unsigned_at_0.9``); zero_neurons, those without a
    direction; rotation, the mean angle to the first step in degrees; movement, of all parameters from there, and
    movement_redrawn, of another seed's first step from there. Of a fully-connected network, whose neurons'
    contributions to the next layer on the training examples are known: rotation is weighted by them, leading_share is
    theirs in four orientations (opposite directions are one for the odd activations tanh and identity),
    leading_share_of_amplitude that of |a| |w|, leading_share_of_a and leading_share_of_w those of the factors;
    dead_neurons contribute next to nothing (``dead``) and need no orientation in the effective ratios. Of another
    network the five are NaN, rotation is weighted by the neurons' norms, and movement is that of ``layers``. And of the
    network: hessian_trace (``trace``), NaN unless it is fully-connected with one output; NaN without ``interval``
    total_variation, total_variation_error, convexity_changes, and at ``POINTS`` points visible_convexity_changes and
    excess_convexity_changes; and functional_intercepts.

    At the first and the last recorded step, for fully-connected networks: ``neurons`` with the orientation (NaN unless
    it has two coordinates), amplitude and contribution of each, and whether it is dead; ``function`` at ``POINTS``
    points of ``interval``. At the last one for the first seed, where neurons have more than two coordinates:
    ``similarity``, the cosines of the ``SHOWN`` neurons with the largest amplitude (of other layers the largest norm)
    by their positions in reading order.

    A ConfigurationError says that the network has no such layer, or that ``interval`` is given for other than one
    number, a DivergenceError that a weight of the layers is not finite.
    """
    settings = job.settings
    connected = network_kind(settings["model"]["name"]).is_fully_connected
    tensors, metadata = _read(job.inputs["snapshots"], settings["layers"], whole=connected)
    steps, seeds = metadata["steps"], len(settings["seeds"])
    ends = {0, len(steps) - 1}
    progress = Progress(f"condensation {job.name}", len(steps) * seeds)
    examples = load_examples(job.inputs["data"], settings["data"]) if connected else None
    rows: dict[str, list[pd.DataFrame]] = {table: [] for table in COLUMNS}
    measured = []
    points = training_points(examples) if settings["interval"] else None
    starts = [{key: value[index, 0].double().numpy() for key, value in tensors.items()} for index in range(seeds)]
    for index, seed in enumerate(settings["seeds"]):
        start, redrawn = starts[index], starts[(index + 1) % seeds]
        moved_redrawn = relative_movement(redrawn, start) if seeds > 1 else np.nan
        for position, step in enumerate(steps):
            at = {key: value[index, position].double().numpy() for key, value in tensors.items()}
            network = _function_measures(at, settings, points) | {"hessian_trace": _trace(at, settings, examples)}
            network |= {"movement": relative_movement(at, start), "movement_redrawn": moved_redrawn}
            thresholds = settings["other_thresholds"] if position == len(steps) - 1 else ()
            for layer in settings["layers"]:
                neurons = _neurons(at, layer, settings, examples)
                where = {"seed": seed, "layer": layer, "step": step}
                measures = _layer_measures(neurons, _input_weights(start, layer), settings, thresholds)
                measured.append(where | measures | network)
                if connected and position in ends:
                    rows["neurons"].append(neurons.table().assign(**where))
                if index == 0 and position == len(steps) - 1 and neurons.vectors.shape[1] > 2:
                    rows["similarity"].append(_similarity(neurons).assign(layer=layer))
            if settings["interval"] and position in ends:
                x = np.linspace(*settings["interval"], POINTS)
                drawn = outputs(_layers(at), settings["model"]["activation"], x)
                rows["function"].append(pd.DataFrame({"x": x, "output": drawn}).assign(seed=seed, step=step))
            progress(index * len(steps) + position + 1)
    write_table(job.outputs["condensation"], pd.DataFrame(measured))
    for table, columns in COLUMNS.items():
        frames = rows[table] or [pd.DataFrame(columns=columns)]
        write_table(job.outputs[table], pd.concat(frames)[columns])
    job.provenance(metadata.get("data"))


def training_points(examples: Examples) -> pd.DataFrame:
    """Return the training examples as x and y; a ConfigurationError says that they are not one number each."""
    inputs, targets = examples.train_inputs, examples.train_targets
    if inputs.ndim != 2 or inputs.shape[1] != 1 or targets.shape != inputs.shape or not targets.is_floating_point():
        raise ConfigurationError(
            "condensation.interval draws functions of one number, but the examples of "
            f"'{examples.description['label']}' have inputs of shape {tuple(inputs.shape)} and targets of shape "
            f"{tuple(targets.shape)}; leave it out."
        )
    return pd.DataFrame({"x": inputs[:, 0].double().numpy(), "y": targets[:, 0].double().numpy()})


def _read(snapshots: str, layers: Sequence[str], whole: bool) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read the snapshots, whole or of the layers only, and their metadata."""
    parameters = [name for layer in layers for name in (layer, layer.removesuffix("weight") + "bias")]
    tensors, metadata = read_tensors(snapshots, None if whole else parameters)
    for layer in layers:
        if not _has_neurons(layer, tensors):
            everything, _ = read_tensors(snapshots)
            raise ConfigurationError(
                f"condensation.layers names '{layer}', which is not the weight of a layer with neurons: write one of "
                f"{', '.join(name for name in everything if _has_neurons(name, everything))}."
            )
    return tensors, metadata


def _has_neurons(name: str, snapshots: Mapping[str, Tensor]) -> bool:
    """Tell whether it is the weight of a layer, (S, K, m, ...), and not of a normalisation, (S, K, m)."""
    return name.endswith("weight") and name in snapshots and snapshots[name].ndim > 3


def _input_weights(tensors: Mapping[str, NDArray], layer: str) -> NDArray[np.float64]:
    """Return the input weights (m, d) of a layer's neurons, or of a convolution's filters, with their biases last."""
    weight = tensors[layer].reshape(len(tensors[layer]), -1)
    bias = tensors.get(layer.removesuffix("weight") + "bias")
    return weight if bias is None else np.concatenate([weight, bias[:, None]], axis=1)


@dataclass(frozen=True)
class _Neurons:
    """The neurons of a layer: input weights (m, d); of a fully-connected network |a| and contributions, (m,)."""

    vectors: NDArray[np.float64]
    outgoing: NDArray[np.float64] | None = None
    contribution: NDArray[np.float64] | None = None

    @property
    def norms(self) -> NDArray[np.float64]:
        return np.linalg.norm(self.vectors, axis=1)

    @property
    def amplitude(self) -> NDArray[np.float64] | None:
        return None if self.outgoing is None else self.norms * self.outgoing

    @property
    def sizes(self) -> NDArray[np.float64]:
        return self.norms if self.outgoing is None else self.amplitude

    def table(self) -> pd.DataFrame:
        angles = orientations(self.vectors) if self.vectors.shape[1] == 2 else np.nan
        columns = {"amplitude": self.amplitude, "contribution": self.contribution, "dead": dead(self.contribution)}
        return pd.DataFrame({"neuron": np.arange(len(self.vectors)), "orientation": angles} | columns)


def _neurons(
    tensors: Mapping[str, NDArray], layer: str, settings: Mapping[str, Any], examples: Examples | None
) -> _Neurons:
    vectors = _input_weights(tensors, layer)
    if examples is None:
        return _Neurons(vectors)
    layers, index = _layers(tensors), int(layer.split(".")[1])
    outgoing, _ = layers[index + 1]
    features = hidden_features(layers, settings["model"]["activation"], examples.train_inputs.flatten(1))[index]
    return _Neurons(vectors, np.linalg.norm(outgoing, axis=0), contributions(features, outgoing))


def _layer_measures(
    neurons: _Neurons, initial: NDArray, settings: Mapping[str, Any], other_thresholds: Sequence[float]
) -> dict[str, float]:
    threshold, count, known = settings["threshold"], len(neurons.vectors), neurons.contribution is not None
    is_dead = dead(neurons.contribution) if known else np.zeros(count, dtype=bool)
    alive, measures = neurons.vectors[~is_dead], {}
    for name, either_sign in (("effective_ratio", False), ("effective_ratio_unsigned", True)):
        found = effective_neurons(alive, threshold, either_sign)
        measures |= {name: found.upper / count, f"{name}_lower": found.lower / count}
    for other in other_thresholds:
        measures[f"effective_ratio_unsigned_at_{other:g}"] = effective_neurons(alive, other, True).upper / count
    measures["zero_neurons"] = int((~neurons.vectors.any(axis=1)).sum())
    measures["dead_neurons"] = int(is_dead.sum()) if known else np.nan
    odd = settings["model"].get("activation") in ("tanh", "identity")
    weights = {"": neurons.contribution, "_of_amplitude": neurons.amplitude, "_of_a": neurons.outgoing}
    for name, each in (weights | {"_of_w": neurons.norms if known else None}).items():
        share = np.nan if each is None else leading_share(neurons.vectors, each, threshold, odd)
        measures[f"leading_share{name}"] = share
    measures["rotation"] = rotation(neurons.vectors, initial, neurons.contribution if known else neurons.norms)
    return measures


def _trace(tensors: Mapping[str, NDArray], settings: Mapping[str, Any], examples: Examples | None) -> float:
    model = settings["model"]
    if examples is None or model["widths"][-1] != 1:
        return np.nan
    inputs, has_bias = examples.train_inputs.flatten(1), model.get("output_bias", True)
    return hessian_trace(_layers(tensors), model["activation"], inputs, has_bias)


def _function_measures(
    tensors: Mapping[str, NDArray], settings: Mapping[str, Any], examples: pd.DataFrame | None
) -> dict[str, float]:
    interval = settings["interval"]
    if examples is None:
        return dict.fromkeys(FUNCTION_MEASURES, np.nan)
    layers, activation = _layers(tensors), settings["model"]["activation"]
    changes = convexity_changes(layers, activation, interval)
    visible = visible_convexity_changes(layers, activation, np.linspace(*interval, POINTS))
    x, y = examples["x"], examples["y"]
    excess = excess_convexity_changes(layers, activation, x, y, POINTS)
    intercepts = functional_intercepts(layers, activation, x)
    values = (*total_variation(layers, activation, interval), changes, visible, excess, intercepts)
    return dict(zip(FUNCTION_MEASURES, values, strict=True))


def _similarity(neurons: _Neurons) -> pd.DataFrame:
    """Tabulate cosines of the largest neurons, row by row in reading order."""
    largest = np.sort(np.argsort(-neurons.sizes, kind="stable")[:SHOWN])
    cosines = ordered_similarity(neurons.vectors[largest])
    row, column = np.indices(cosines.shape).reshape(2, -1)
    return pd.DataFrame({"row": row, "column": column, "cosine": cosines.ravel()})


def _layers(tensors: Mapping[str, NDArray]) -> Layers:
    """List the layers of a fully-connected network, first to last."""
    depth = sum(name.endswith(".weight") for name in tensors)
    return [(tensors[f"layers.{index}.weight"], tensors[f"layers.{index}.bias"]) for index in range(depth)]
