"""Random small networks and their training on the exact expected loss."""

import pytest
import torch

from dropscape.errors import DivergenceError
from dropscape.theory import enumeration, networks


def vector(problem):
    return torch.nn.utils.parameters_to_vector(problem.model.parameters()).detach()


@pytest.mark.parametrize("hidden", [(2,), (1, 2), (4, 5)])
def test_outputs_span_the_range_and_labels_are_of_both_classes(hidden):
    for index in range(10):
        problem = networks.random_problem(1, index, 3, hidden, 6)
        outputs = problem.model(problem.inputs)
        assert outputs.min().item() == pytest.approx(networks.OUTPUT_RANGE[0], abs=1e-9)
        assert outputs.max().item() == pytest.approx(networks.OUTPUT_RANGE[1], abs=1e-9)
        assert set(problem.targets.tolist()) == {0.0, 1.0}
        assert problem.inputs.dtype == outputs.dtype == torch.float64


def test_a_network_depends_on_seed_and_index_only():
    first = vector(networks.random_problem(1, 0, 3, (4,), 6))
    assert torch.equal(first, vector(networks.random_problem(1, 0, 3, (4,), 6)))
    assert not torch.equal(first, vector(networks.random_problem(1, 1, 3, (4,), 6)))
    assert not torch.equal(first, vector(networks.random_problem(2, 0, 3, (4,), 6)))


def test_training_lowers_the_gradient_of_the_expected_loss_of_each_network(monkeypatch):
    monkeypatch.setattr(networks, "GD_STEPS", 1500)
    problems = [networks.random_problem(0, index, 3, (3, 4), 6) for index in range(3)]
    before = [vector(problem) for problem in problems]
    keep_probs = (0.4, 0.9)
    trained = networks.minimised(problems, keep_probs)
    assert len(trained) == 3
    for problem, start, results in zip(problems, before, trained, strict=True):
        assert torch.equal(vector(problem), start)
        names = [name for name, _ in problem.model.named_parameters()]
        for keep_prob, result in zip(keep_probs, results, strict=True):
            assert torch.equal(result.inputs, problem.inputs)
            norms, losses = [], []
            for state in (problem, result):
                arguments = (state.model, state.inputs, state.targets, keep_prob)
                norms.append(enumeration.gradient_moments(*arguments, names)[0].norm())
                losses.append(enumeration.expected_losses(*arguments).mean())
            assert norms[1] < 0.05 * norms[0]
            assert losses[1] < losses[0]


def test_training_one_network_is_training_it_among_others(monkeypatch):
    monkeypatch.setattr(networks, "GD_STEPS", 50)
    problems = [networks.random_problem(0, index, 2, (3,), 4) for index in range(3)]
    together = networks.minimised(problems, (0.5, 0.8))
    alone = networks.minimised(problems[1:2], (0.8,))
    torch.testing.assert_close(vector(together[1][1]), vector(alone[0][0]))


def test_divergence_is_named(monkeypatch):
    monkeypatch.setattr(networks, "GD_STEPS", 50)
    monkeypatch.setattr(networks, "_learning_rates", lambda problems, keep_probs, names: torch.full((1,), 1e3))
    with pytest.raises(DivergenceError, match=r"1 of 1 small trainings.*keep_probs"):
        networks.minimised([networks.random_problem(0, 0, 2, (3,), 4)], (0.5,))
