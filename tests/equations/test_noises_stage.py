import numpy as np
import pytest

from dropscape.equations import noises_stage
from dropscape.equations.activations import activation_called
from dropscape.equations.inputs import load_inputs
from dropscape.equations.modified_loss import modified_gradient
from dropscape.equations.network import forward, hessian_trace, losses_and_accuracies, two_layers
from dropscape.equations.noises_stage import METHODS, measure_noises
from tests.equations.experiment import SETTINGS, Experiment, Stopped, stopped_at

TANH = activation_called("tanh")
OWN = SETTINGS | {
    "loss": "torch_mse",
    "learning_rate": 0.3,
    "steps": 5,
    "trials": 2,
    "keep_prob": 0.7,
    "batch_size": 3,
    "parameter_noise": 0.2,
}


@pytest.fixture
def experiment(tmp_path):
    return Experiment(tmp_path, measure_noises)


def test_without_noise_it_is_gradient_descent_and_each_noise_changes_it(experiment):
    (table,) = experiment.run(OWN, "noises")
    assert table["method"].tolist() == [method for method in METHODS for _ in range(4)]
    assert table["seed"].tolist() == [2, 2, 5, 5] * 4 and table.notna().all(axis=None)
    traces = table.pivot_table(index="trial", columns="method", values="trace")
    assert traces.nunique(axis=1).eq(len(METHODS)).all()

    inputs = load_inputs(experiment.job(OWN))
    parameters = two_layers(inputs.start([2, 5], 2))
    for _ in range(5):
        passed = forward(parameters, inputs.train, TANH)
        parameters = parameters.add_scaled(modified_gradient(passed, 1.0), -2 / 3 * 0.3)
    plain = table[table["method"] == "descent"]
    trace = 2 / 3 * hessian_trace(forward(parameters, inputs.train, TANH))
    loss = 2 / 3 * losses_and_accuracies(parameters, inputs.train, TANH)[0]
    np.testing.assert_allclose(plain["trace"], trace, rtol=1e-4)
    np.testing.assert_allclose(plain["loss"], loss, rtol=1e-4)
    np.testing.assert_allclose(plain["test_accuracy"], losses_and_accuracies(parameters, inputs.test, TANH)[1])


@pytest.mark.parametrize(
    ("key", "value", "changed"),
    [
        ("keep_prob", 0.5, {"dropout"}),
        ("batch_size", 4, {"sgd"}),
        ("parameter_noise", 0.1, {"parameter_noise"}),
        ("learning_rate", 0.2, set(METHODS)),
    ],
)
def test_a_noises_setting_is_its_own(experiment, key, value, changed):
    (before,), (after,) = experiment.run(OWN, "noises"), experiment.run(OWN | {key: value}, "noises")
    differ = before.loc[before["trace"] != after["trace"], "method"]
    assert set(differ) == changed


def test_an_interrupted_job_ends_as_one_that_was_not(experiment, monkeypatch):
    (whole,) = experiment.run(OWN, "noises")
    with monkeypatch.context() as patched:
        stopped_at(patched, noises_stage, 8)
        with pytest.raises(Stopped):
            experiment.run(OWN, "noises")
    (parts,) = experiment.run(OWN, "noises")
    assert parts.equals(whole)
