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
    "mean_samples": 3,
    "history_points": 3,
}
ROWS = 3 * 4  # of a method: recorded steps and trials


@pytest.fixture
def experiment(tmp_path):
    return Experiment(tmp_path, measure_noises)


@pytest.mark.parametrize(("method", "keep_prob"), [("descent", 1.0), ("dropout_mean", 0.7)])
def test_without_noise_it_is_descent_on_the_mean_loss_and_each_noise_changes_it(experiment, method, keep_prob):
    (table,) = experiment.run(OWN, "noises")
    assert table["method"].tolist() == [method for method in METHODS for _ in range(ROWS)]
    assert table["seed"].tolist() == [2, 2, 5, 5] * 3 * len(METHODS) and table.notna().all(axis=None)
    starts = table[table["step"] == 0].pivot_table(index="trial", columns="method", values="trace")
    assert starts.max(axis=1).tolist() == pytest.approx(starts.min(axis=1).tolist(), rel=1e-6)
    table = table[table["step"] == 5]
    traces = table.pivot_table(index="trial", columns="method", values="trace")
    assert traces.nunique(axis=1).eq(len(METHODS)).all()

    inputs = load_inputs(experiment.job(OWN))
    parameters = two_layers(inputs.start([2, 5], 2))
    for _ in range(5):
        passed = forward(parameters, inputs.train, TANH)
        parameters = parameters.add_scaled(modified_gradient(passed, keep_prob), -2 / 3 * 0.3)
    plain = table[table["method"] == method]
    trace = 2 / 3 * hessian_trace(forward(parameters, inputs.train, TANH))
    loss = 2 / 3 * losses_and_accuracies(parameters, inputs.train, TANH)[0]
    np.testing.assert_allclose(plain["trace"], trace, rtol=1e-4)
    np.testing.assert_allclose(plain["loss"], loss, rtol=1e-4)
    np.testing.assert_allclose(plain["test_accuracy"], losses_and_accuracies(parameters, inputs.test, TANH)[1])


def test_the_mean_of_many_perturbed_gradients_is_near_that_of_the_noisy_loss(experiment):
    """With more draws the mean has less of the noise: two counts differ, and less so where both are large."""

    def losses(count):
        (table,) = experiment.run(OWN | {"mean_samples": count}, "noises")
        ends = table[table["step"] == 5].set_index(["method", "trial"])["loss"]
        return ends["parameter_noise"], ends["parameter_noise_mean"]

    noisy, few = losses(2)
    _, many = losses(2000)
    _, more = losses(4000)
    assert (many - more).abs().max() < 0.2 * (few - more).abs().max()
    assert (many - more).abs().max() < 0.2 * (noisy - more).abs().max()


@pytest.mark.parametrize(
    ("key", "value", "changed"),
    [
        ("keep_prob", 0.5, {"dropout", "dropout_mean"}),
        ("batch_size", 4, {"sgd"}),
        ("parameter_noise", 0.1, {"parameter_noise", "parameter_noise_mean"}),
        ("mean_samples", 4, {"parameter_noise_mean"}),
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
