"""The condensation stage: orientations of a run's neurons along training, and the function of a one-dimensional one."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from torch import Tensor

from dropscape.artifacts.files import write_json, write_table
from dropscape.artifacts.provenance import provenance
from dropscape.artifacts.tensors import read_tensors
from dropscape.condensation.effective_ratio import effective_neurons
from dropscape.condensation.features import amplitudes, leading_share, orientations
from dropscape.condensation.piecewise import (
    Layers,
    convexity_changes,
    outputs,
    total_variation,
    visible_convexity_changes,
)
from dropscape.condensation.points import points_of
from dropscape.condensation.similarity import ordered_similarity
from dropscape.data.prepared import load_examples
from dropscape.errors import ConfigurationError
from dropscape.numerics.progress import Progress

# Of a function that is drawn.
POINTS = 201
# Neurons of a layer in the table of similarities.
SHOWN = 100

COLUMNS = {
    "neurons": ["seed", "layer", "step", "neuron", "orientation", "amplitude"],
    "function": ["seed", "step", "x", "output"],
    "similarity": ["layer", "row", "column", "cosine"],
}


def condense_run(name: str, settings: Mapping[str, Any], data: str, snapshots: str, written: Mapping[str, str]) -> None:
    """Look at the neurons of some layers at every recorded step of a training (paper B, section VI).

    Writes ``condensation``: seed, layer, step; effective_ratio and effective_ratio_unsigned, where parallel includes
    the opposite direction, each with a lower bound (``_lower``); zero_neurons, those without a direction;
    leading_share (opposite directions are one for the odd activations tanh and identity; NaN outside fully-connected
    networks, where the contribution of a neuron is not known); and of the network, NaN without ``interval``:
    total_variation, total_variation_error, convexity_changes and visible_convexity_changes at ``POINTS`` points. And
    ``examples``, x and y of each training example, empty without ``interval``.

    At the first and the last recorded step, for fully-connected networks: ``neurons`` with the orientation (NaN unless
    it has two coordinates) and amplitude of each; ``function`` at ``POINTS`` points of ``interval``. At the last one
    for the first seed, where neurons have more than two coordinates: ``similarity``, the cosines of the ``SHOWN``
    neurons with the largest amplitude (of other layers the largest norm) by their places in reading order.

    Args:
        name: of the run, for the progress lines.
        settings: model, seeds, layers, threshold, interval and data.
        data: the prepared dataset; read only where functions are drawn.
        snapshots: the training's parameters at its recorded steps.
        written: paths of the four tables and the provenance.

    Raises:
        ConfigurationError: the network has no such layer, or ``interval`` is given for other than one number.
        DivergenceError: a weight of the layers is not finite.
    """
    connected = settings["model"]["name"] == "fnn"
    tensors, metadata = _read(snapshots, settings["layers"], whole=connected)
    steps = metadata["steps"]
    ends = {0, len(steps) - 1}
    progress = Progress(f"condensation {name}", len(steps) * len(settings["seeds"]))
    rows: dict[str, list[pd.DataFrame]] = {table: [] for table in COLUMNS}
    measured, done = [], 0
    for index, seed in enumerate(settings["seeds"]):
        for position, step in enumerate(steps):
            at = {key: value[index, position].double().numpy() for key, value in tensors.items()}
            function = _of_function(at, settings)
            for layer in settings["layers"]:
                vectors = _input_weights(at, layer)
                amplitude = amplitudes(vectors, at[_next(layer)]) if connected else None
                where = {"seed": seed, "layer": layer, "step": step}
                measured.append(where | _of_layer(vectors, amplitude, settings) | function)
                if connected and position in ends:
                    rows["neurons"].append(_neurons(vectors, amplitude).assign(**where))
                if index == 0 and position == len(steps) - 1 and vectors.shape[1] > 2:
                    sizes = np.linalg.norm(vectors, axis=1) if amplitude is None else amplitude
                    rows["similarity"].append(_similarity(vectors, sizes).assign(layer=layer))
            if settings["interval"] and position in ends:
                x = np.linspace(*settings["interval"], POINTS)
                drawn = outputs(_layers(at), settings["model"]["activation"], x)
                rows["function"].append(pd.DataFrame({"x": x, "output": drawn}).assign(seed=seed, step=step))
            done += 1
            progress(done)
    write_table(written["condensation"], pd.DataFrame(measured))
    for table, columns in COLUMNS.items():
        frames = rows[table] or [pd.DataFrame(columns=columns)]
        write_table(written[table], pd.concat(frames)[columns])
    shown = (
        points_of(load_examples(data, settings["data"])) if settings["interval"] else pd.DataFrame(columns=["x", "y"])
    )
    write_table(written["examples"], shown)
    write_json(written["provenance"], provenance("condensation", settings, metadata.get("data")))


def _read(snapshots: str, layers: Sequence[str], whole: bool) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The snapshots, whole or of the layers only, and their metadata."""
    own = [name for layer in layers for name in (layer, layer.removesuffix("weight") + "bias")]
    tensors, metadata = read_tensors(snapshots, None if whole else own)
    for layer in layers:
        if not _of_neurons(layer, tensors):
            everything, _ = read_tensors(snapshots)
            raise ConfigurationError(
                f"condensation.layers names '{layer}', which is no layer's weight: write one of "
                f"{', '.join(name for name in everything if _of_neurons(name, everything))}."
            )
    return tensors, metadata


def _of_neurons(name: str, snapshots: Mapping[str, Tensor]) -> bool:
    """Whether it is the weight of a layer, (S, K, m, ...), and not of a normalisation, (S, K, m)."""
    return name.endswith("weight") and name in snapshots and snapshots[name].ndim > 3


def _input_weights(tensors: Mapping[str, NDArray], layer: str) -> NDArray[np.float64]:
    """The input weights (m, d) of a layer's neurons, or of the filters of a convolution, with their biases last."""
    weight = tensors[layer].reshape(len(tensors[layer]), -1)
    bias = tensors.get(layer.removesuffix("weight") + "bias")
    return weight if bias is None else np.concatenate([weight, bias[:, None]], axis=1)


def _of_layer(vectors: NDArray, amplitude: NDArray | None, settings: Mapping[str, Any]) -> dict[str, float]:
    threshold = settings["threshold"]
    signed, unsigned = (effective_neurons(vectors, threshold, either_sign) for either_sign in (False, True))
    odd = settings["model"].get("activation") in ("tanh", "identity")
    return {
        "effective_ratio": signed.ratio,
        "effective_ratio_lower": signed.lower_ratio,
        "effective_ratio_unsigned": unsigned.ratio,
        "effective_ratio_unsigned_lower": unsigned.lower_ratio,
        "zero_neurons": signed.zero,
        "leading_share": np.nan if amplitude is None else leading_share(vectors, amplitude, threshold, odd),
    }


def _of_function(tensors: Mapping[str, NDArray], settings: Mapping[str, Any]) -> dict[str, float]:
    interval = settings["interval"]
    if not interval:
        names = ("total_variation", "total_variation_error", "convexity_changes", "visible_convexity_changes")
        return dict.fromkeys(names, np.nan)
    layers, activation = _layers(tensors), settings["model"]["activation"]
    variation, error = total_variation(layers, activation, interval)
    return {
        "total_variation": variation,
        "total_variation_error": error,
        "convexity_changes": convexity_changes(layers, activation, interval),
        "visible_convexity_changes": visible_convexity_changes(layers, activation, np.linspace(*interval, POINTS)),
    }


def _neurons(vectors: NDArray, amplitude: NDArray) -> pd.DataFrame:
    angles = orientations(vectors) if vectors.shape[1] == 2 else np.nan
    return pd.DataFrame({"neuron": np.arange(len(vectors)), "orientation": angles, "amplitude": amplitude})


def _similarity(vectors: NDArray, sizes: NDArray) -> pd.DataFrame:
    """Cosines of the rows with the largest sizes, row by row in reading order."""
    cosines = ordered_similarity(vectors[np.sort(np.argsort(-sizes, kind="stable")[:SHOWN])])
    row, column = np.indices(cosines.shape).reshape(2, -1)
    return pd.DataFrame({"row": row, "column": column, "cosine": cosines.ravel()})


def _layers(tensors: Mapping[str, NDArray]) -> Layers:
    """The layers of a fully-connected network, first to last."""
    depth = sum(name.endswith(".weight") for name in tensors)
    return [(tensors[f"layers.{index}.weight"], tensors[f"layers.{index}.bias"]) for index in range(depth)]


def _next(layer: str) -> str:
    """The weight that reads the neurons of a fully-connected network's layer."""
    return f"layers.{int(layer.split('.')[1]) + 1}.weight"
