"""Two neurons on two points or one: the descent against autograd, and where R_1 is least."""

import numpy as np
import pytest
import torch

from dropscape.theory.tables import neuron_pairs
from dropscape.theory.tables.neuron_pairs import angles, descend, neuron_outputs, table


@pytest.fixture(scope="module")
def found():
    return table(30, 0.5, 3)


def test_networks_start_without_loss_and_not_parallel():
    a, w, x, y = neuron_pairs._start(20, 0)
    np.testing.assert_allclose(neuron_outputs(a, w, x).sum(axis=2), y)
    assert (neuron_outputs(a, w, x) > 0).all() and (angles(w) > 0).all()


def test_a_step_follows_the_gradient_of_the_risk_and_r1(monkeypatch):
    monkeypatch.setattr(neuron_pairs, "RATES", (0.25,))
    monkeypatch.setattr(neuron_pairs, "STEPS", (1,))
    a, w, x, y = neuron_pairs._start(7, 1)
    y = y + 0.3
    a_, w_ = (torch.tensor(value, requires_grad=True) for value in (a, w))
    outputs = a_[:, None] * torch.relu(torch.tensor(x) @ w_.transpose(1, 2))
    risk = ((outputs.sum(dim=2) - torch.tensor(y)) ** 2).mean(dim=1) / 2
    r1 = (0.2 / 0.8) * outputs.square().sum(dim=2).mean(dim=1) / 2
    (risk + r1).sum().backward()
    moved = descend(a, w, x, y, 0.8)
    for value, start, gradient in zip(moved, (a, w), (a_.grad, w_.grad), strict=True):
        np.testing.assert_allclose(value, start - 0.25 * gradient.numpy(), rtol=1e-12)


def test_angles_are_those_between_both_weights():
    w = np.array([[[1.0, 0.0], [0.0, 2.0]], [[1.0, 1.0], [3.0, 3.0]], [[1.0, 0.0], [-1.0, 1e-9]]])
    np.testing.assert_allclose(angles(w), [90, 0, 180], atol=1e-6)


def test_on_two_points_active_neurons_end_parallel_and_on_one_they_do_not(found):
    two, one = (found[found["case"] == case] for case in ("two_points", "one_point"))
    assert len(two) == len(one) == 30
    assert two["parallel"][two["neurons"] == "active"].all() and (two["neurons"] == "active").sum() > 20
    assert not one["parallel"].all() and one["angle_change"].median() < 0.5
    np.testing.assert_allclose(
        found["angle_change"] * found["angle_before"], abs(found["angle_after"] - found["angle_before"])
    )
