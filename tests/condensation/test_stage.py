"""The tables of the stage, from snapshots of networks whose neurons are known."""

import numpy as np
import pytest
import torch

from dropscape.artifacts.files import read_table
from dropscape.artifacts.tensors import write_tensors
from dropscape.condensation.effective_ratio import effective_neurons
from dropscape.condensation.features import leading_share
from dropscape.condensation.movement import DEAD
from dropscape.condensation.piecewise import (
    convexity_changes,
    excess_convexity_changes,
    functional_intercepts,
    total_variation,
    visible_convexity_changes,
)
from dropscape.condensation.stage import measure_condensation
from dropscape.data.datasets.curve import Curve
from dropscape.data.datasets.one_neuron import OneNeuron
from dropscape.data.prepared import write_prepared
from dropscape.errors import ConfigurationError
from dropscape.models.registry import initialised
from dropscape.models.restored import restored
from tests.stage_job import run_stage

TABLES = ("condensation", "neurons", "function", "similarity")
STEPS = [0, 3, 10]


def measured_tables(folder, model, layers, interval=None, seeds=(4, 0), data=Curve):
    """``(tables, networks)``: the stage's tables, and the network of each (seed, step), of random parameters each."""
    states = [[initialised(model, 100 * seed + step).state_dict() for step in STEPS] for seed in seeds]
    stacked = {
        name: torch.stack([torch.stack([state[name] for state in saved]) for saved in states]) for name in states[0][0]
    }
    write_tensors(folder / "snapshots", stacked, {"steps": STEPS, "data": {"label": "made here"}})
    write_prepared(folder / "points.safetensors", folder / "points.json", data.embedded())
    settings = {"model": model, "seeds": list(seeds), "layers": layers, "threshold": 0.95, "interval": interval}
    settings["other_thresholds"] = [0.9]
    settings |= {"data": {"dataset": data.embedded().name, "train_examples": 5, "test_examples": 1}}
    inputs = {"data": str(folder / "points.safetensors"), "snapshots": str(folder / "snapshots")}
    written = {name: str(folder / name) for name in TABLES}
    record = run_stage(measure_condensation, "condensation", settings, inputs, written)
    assert (record["stage"], record["data"]) == ("condensation", {"label": "made here"})
    networks = {
        (seed, step): restored(model, states[i][j]).double()
        for i, seed in enumerate(seeds)
        for j, step in enumerate(STEPS)
    }
    return {name: read_table(written[name]) for name in TABLES}, networks


def contributions_of(network, data):
    """The mean square of what each neuron of the first layer adds to the next layer, one neuron alone at a time."""
    inputs = data.embedded().train_inputs[:5].double()
    first, second = network.layers[0], network.layers[1]
    features = {"tanh": torch.tanh, "relu": torch.relu}[network.activation](first(inputs))
    alone = features.T[:, :, None] * second.weight.T[:, None, :]
    return alone.square().sum(dim=2).mean(dim=1).sqrt().detach().numpy()


def squared_gradient(network):
    """The mean over the first five examples of the squared gradient of the output in all parameters, by autograd."""
    network = network.requires_grad_(True)
    squares = []
    for x in Curve.embedded().train_inputs[:5].double():
        gradients = torch.autograd.grad(network(x[None]).sum(), list(network.parameters()))
        squares.append(sum(float(gradient.square().sum()) for gradient in gradients))
    network.requires_grad_(False)
    return np.mean(squares)


def distance(network, start):
    moved, initial = (torch.nn.utils.parameters_to_vector(each.parameters()) for each in (network, start))
    return float((moved - initial).norm() / initial.norm())


@pytest.mark.parametrize("activation", ["tanh", "relu"])
@pytest.mark.parametrize("hidden", [[9], [9, 6]])
def test_a_one_dimensional_network(tmp_path, activation, hidden):
    model = {"name": "fnn", "widths": [1, *hidden, 1], "activation": activation}
    tables, networks = measured_tables(tmp_path, model, ["layers.0.weight"], interval=[-2.0, 3.0])

    neurons = tables["neurons"].set_index(["seed", "step", "neuron"])
    about_neurons = ["seed", "layer", "step", "neuron", "orientation", "amplitude", "contribution", "dead"]
    assert list(tables["neurons"]) == about_neurons
    assert len(neurons) == 2 * 2 * 9 and set(tables["neurons"]["layer"]) == {"layers.0.weight"}
    for (seed, step, neuron), row in neurons.iterrows():
        first, second = networks[seed, step].layers[0], networks[seed, step].layers[1]
        point = complex(first.weight[neuron, 0], first.bias[neuron])
        size = abs(point) * float(second.weight[:, neuron].norm())
        assert row["amplitude"] == pytest.approx(size, rel=1e-12)
        contributed = contributions_of(networks[seed, step], Curve)
        assert row["contribution"] == pytest.approx(contributed[neuron], rel=1e-12)
        assert row["dead"] == (contributed[neuron] <= DEAD * contributed.mean())
        turned = np.exp(1j * row["orientation"]) * abs(point)
        assert abs(turned - point) < 1e-12 and -np.pi <= row["orientation"] < np.pi

    function = tables["function"]
    assert list(function) == ["seed", "step", "x", "output"] and len(function) == 2 * 2 * 201
    assert set(function["step"]) == {0, 10}
    for (seed, step), drawn in function.groupby(["seed", "step"]):
        np.testing.assert_allclose(drawn["x"], np.linspace(-2, 3, 201))
        given = networks[seed, step](torch.tensor(drawn["x"].to_numpy())[:, None])[:, 0]
        np.testing.assert_allclose(drawn["output"], given, rtol=1e-12, atol=1e-12)

    measured = tables["condensation"]
    assert [(row.seed, row.step) for row in measured.itertuples()] == [(s, t) for s in (4, 0) for t in STEPS]
    for row in measured.itertuples():
        parameters = [(layer.weight.numpy(), layer.bias.numpy()) for layer in networks[row.seed, row.step].layers]
        vectors = np.column_stack(parameters[0])
        contributed = contributions_of(networks[row.seed, row.step], Curve)
        alive = vectors[contributed > DEAD * contributed.mean()]
        assert row.dead_neurons == 9 - len(alive)
        assert row.effective_ratio == row.effective_ratio_lower == effective_neurons(alive).upper / 9
        unsigned = effective_neurons(alive, either_sign=True).upper / 9
        assert row.effective_ratio_unsigned == row.effective_ratio_unsigned_lower == unsigned
        if row.step == STEPS[-1]:
            expected = effective_neurons(alive, 0.9, either_sign=True).upper / 9
            assert measured.loc[row.Index, "effective_ratio_unsigned_at_0.9"] == expected
        else:
            assert np.isnan(measured.loc[row.Index, "effective_ratio_unsigned_at_0.9"])
        of_w, of_a = np.linalg.norm(vectors, axis=1), np.linalg.norm(parameters[1][0], axis=0)
        weights = {"": contributed, "_of_amplitude": of_w * of_a, "_of_a": of_a, "_of_w": of_w}
        for name, each in weights.items():
            expected = leading_share(vectors, each, 0.95, activation == "tanh")
            assert measured.loc[row.Index, f"leading_share{name}"] == pytest.approx(expected, rel=1e-12)
        assert row.hessian_trace == pytest.approx(squared_gradient(networks[row.seed, row.step]), rel=1e-9)
        start, other = networks[row.seed, 0], networks[4 - row.seed, 0]
        initial = torch.cat([start.layers[0].weight, start.layers[0].bias[:, None]], dim=1)
        cosines = torch.nn.functional.cosine_similarity(torch.tensor(vectors), initial, dim=1).clamp(-1, 1)
        angles = np.degrees(np.arccos(cosines.numpy()))
        assert row.rotation == pytest.approx(np.average(angles, weights=contributed), rel=1e-9, abs=1e-5)
        assert row.movement == pytest.approx(distance(networks[row.seed, row.step], start), rel=1e-12)
        assert row.movement_redrawn == pytest.approx(distance(other, start), rel=1e-12)
        about = (parameters, activation, [-2.0, 3.0])
        assert (row.total_variation, row.total_variation_error) == pytest.approx(total_variation(*about), rel=1e-12)
        assert row.convexity_changes == convexity_changes(*about)
        assert row.visible_convexity_changes == visible_convexity_changes(*about[:2], np.linspace(-2, 3, 201))
        x, y = (
            given[:5, 0].double().numpy() for given in (Curve.embedded().train_inputs, Curve.embedded().train_targets)
        )
        assert row.excess_convexity_changes == excess_convexity_changes(*about[:2], x, y, 201)
        expected = functional_intercepts(*about[:2], x)
        assert row.functional_intercepts == expected or (np.isnan(expected) and np.isnan(row.functional_intercepts))
    assert list(tables["similarity"]) == ["layer", "row", "column", "cosine"] and tables["similarity"].empty


def test_a_network_of_several_inputs_and_outputs(tmp_path):
    model = {"name": "fnn", "widths": [10, 130, 7, 3], "activation": "relu"}
    layers = ["layers.0.weight", "layers.1.weight"]
    tables, networks = measured_tables(tmp_path, model, layers, data=OneNeuron)
    assert tables["function"].empty and tables["neurons"]["orientation"].isna().all()
    assert len(tables["neurons"]) == 2 * 2 * (130 + 7)
    undefined = ["total_variation", "total_variation_error", "convexity_changes", "visible_convexity_changes"]
    undefined += ["excess_convexity_changes", "functional_intercepts"]
    assert tables["condensation"][undefined].isna().all(axis=None)
    assert tables["condensation"]["leading_share"].between(0, 1).all()

    network = networks[4, 10]
    for layer, shown in zip(layers, (100, 7), strict=True):
        index = int(layer[7])
        weights = torch.cat([network.layers[index].weight, network.layers[index].bias[:, None]], dim=1)
        outgoing = network.layers[index + 1].weight
        amplitude = weights.norm(dim=1) * outgoing.norm(dim=0)
        given_neurons = tables["neurons"].query("seed == 4 and step == 10 and layer == @layer")
        np.testing.assert_allclose(given_neurons["amplitude"], amplitude, rtol=1e-12)
        largest = weights[amplitude.argsort(descending=True)[:shown]]
        cosines = torch.nn.functional.cosine_similarity(largest[:, None], largest[None], dim=2)
        given = tables["similarity"].query("layer == @layer").pivot(index="row", columns="column", values="cosine")
        assert given.shape == (shown, shown)
        rows = [sorted(tuple(sorted(row)) for row in np.round(part, 9)) for part in (given.to_numpy(), cosines.numpy())]
        assert rows[0] == rows[1]


def test_filters_of_a_convolution(tmp_path):
    model = {"name": "resnet18", "classes": 3, "width": 2}
    layers = ["stage2.0.conv1.weight", "stage3.0.conv1.weight"]
    tables, networks = measured_tables(tmp_path, model, layers, seeds=(1,))
    assert tables["neurons"].empty and tables["function"].empty
    measured = tables["condensation"]
    assert list(measured["layer"]) == layers * len(STEPS)
    unknown = ["leading_share", "leading_share_of_amplitude", "dead_neurons", "movement_redrawn"]
    assert measured[unknown].isna().all(axis=None) and (measured.query("step > 0")["rotation"] > 10).all()
    for row in measured.itertuples():
        filters = networks[1, row.step].get_parameter(row.layer).flatten(1).numpy()
        assert row.effective_ratio == effective_neurons(filters).upper / len(filters)
    sizes = tables["similarity"].groupby("layer")[["row", "column"]].max() + 1
    assert sizes.to_numpy().tolist() == [[4, 4], [8, 8]]


@pytest.mark.parametrize("layer", ["stage9.weight", "norm1.weight", "conv1"])
def test_a_layer_that_is_not_there_is_named(tmp_path, layer):
    with pytest.raises(
        ConfigurationError, match=f"names '{layer}', which is not the weight of a layer with neurons: .* conv1.weight, "
    ) as e:
        measured_tables(tmp_path, {"name": "resnet18", "classes": 3, "width": 2}, ["conv1.weight", layer])
    assert "norm1.weight" not in str(e.value).partition("write")[2]


def test_dead_neurons_need_no_orientation(tmp_path, monkeypatch):
    """Neurons of the second half have no output weight; the others are two groups far apart."""
    model = {"name": "fnn", "widths": [1, 8, 1], "activation": "relu"}
    angles = torch.tensor([2.5, 2.5, 3.9, 3.9, 0.2, 1.2, 5.2, 5.2])
    state = {
        "layers.0.weight": torch.cos(angles)[:, None],
        "layers.0.bias": torch.sin(angles),
        "layers.1.weight": torch.tensor([[1.0] * 4 + [0.0] * 4]),
        "layers.1.bias": torch.zeros(1),
    }
    monkeypatch.setattr("tests.condensation.test_stage.initialised", lambda *_: restored(model, state))
    tables, _ = measured_tables(tmp_path, model, ["layers.0.weight"], seeds=(4,))
    row = tables["condensation"].iloc[0]
    assert (row["dead_neurons"], row["effective_ratio"]) == (4, 2 / 8)
    assert effective_neurons(np.column_stack([np.cos(angles.numpy()), np.sin(angles.numpy())])).upper == 5


def test_an_interval_is_of_examples_of_one_number(tmp_path):
    model = {"name": "fnn", "widths": [10, 130, 7, 3], "activation": "relu"}
    with pytest.raises(ConfigurationError, match="draws functions of one number"):
        measured_tables(tmp_path, model, ["layers.0.weight"], [-1.0, 1.0], data=OneNeuron)
