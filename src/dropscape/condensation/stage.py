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
from dropscape.condensation.features import amplitudes, leading_share, ordered_similarity, orientations
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
    "examples": ["x", "y"],
}


def measure_condensation(job: Job) -> None:
    """Measure the neurons of some layers at every recorded step of a training (paper B, section VI).

    Writes ``condensation``: seed, layer, step; effective_ratio and effective_ratio_unsigned, where parallel includes
    the opposite direction, each with a lower bound (``_lower``); zero_neurons, those without a direction; rotation, the
    mean angle to the first step in degrees; movement, of all parameters from there, and movement_redrawn, of another
    seed's first step from there. Of a fully-connected network, whose neurons' contributions to the next layer on the
    training examples are known: rotation is weighted by them, leading_share is theirs in four orientations (opposite
    directions are one for the odd activations tanh and identity), leading_share_of_amplitude that of |a| |w|, and
    dead_neurons contribute next to nothing (``dead``). Of another network the three are NaN, rotation is weighted by
    the neurons' norms, and movement is that of ``layers``. And of the network, NaN without ``interval``:
    total_variation, total_variation_error, convexity_changes, and at ``POINTS`` points visible_convexity_changes and
    excess_convexity_changes; and functional_intercepts. And ``examples``, x and y of each training example, empty
    without ``interval``.

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
            network = _function_measures(at, settings, points)
            network |= {"movement": relative_movement(at, start), "movement_redrawn": moved_redrawn}
            for layer in settings["layers"]:
                neurons = _neurons(at, layer, settings, examples)
                where = {"seed": seed, "layer": layer, "step": step}
                measures = _layer_measures(neurons, _input_weights(start, layer), settings)
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
    if points is not None:
        rows["examples"].append(points)
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
    """The neurons of a layer: input weights (m, d); of a fully-connected network |a| |w| and contributions, (m,)."""

    vectors: NDArray[np.float64]
    amplitude: NDArray[np.float64] | None = None
    contribution: NDArray[np.float64] | None = None

    @property
    def sizes(self) -> NDArray[np.float64]:
        return np.linalg.norm(self.vectors, axis=1) if self.amplitude is None else self.amplitude

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
    return _Neurons(vectors, amplitudes(vectors, outgoing), contributions(features, outgoing))


def _layer_measures(neurons: _Neurons, initial: NDArray, settings: Mapping[str, Any]) -> dict[str, float]:
    threshold, measures = settings["threshold"], {}
    for name, either_sign in (("effective_ratio", False), ("effective_ratio_unsigned", True)):
        found = effective_neurons(neurons.vectors, threshold, either_sign)
        measures |= {name: found.upper / len(neurons.vectors), f"{name}_lower": found.lower / len(neurons.vectors)}
    measures |= {"zero_neurons": found.zero, "dead_neurons": np.nan}
    measures |= dict.fromkeys(("leading_share", "leading_share_of_amplitude"), np.nan)
    weights = neurons.sizes if neurons.contribution is None else neurons.contribution
    measures["rotation"] = rotation(neurons.vectors, initial, weights)
    if neurons.contribution is not None:
        odd = settings["model"]["activation"] in ("tanh", "identity")
        measures["dead_neurons"] = int(dead(neurons.contribution).sum())
        measures["leading_share"] = leading_share(neurons.vectors, neurons.contribution, threshold, odd)
        measures["leading_share_of_amplitude"] = leading_share(neurons.vectors, neurons.amplitude, threshold, odd)
    return measures


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
