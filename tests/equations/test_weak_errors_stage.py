from dataclasses import asdict, replace

import pytest

from dropscape.equations import weak_errors_stage
from dropscape.equations.few_trials import norms_of_means
from dropscape.equations.inputs import load_inputs
from dropscape.equations.network import Sample, two_layers
from dropscape.equations.simulation import Simulation
from dropscape.equations.weak_differences import weak_differences
from dropscape.equations.weak_error import weak_error
from dropscape.equations.weak_errors_stage import compared_steps, measure_weak_errors
from dropscape.errors import DivergenceError
from tests.equations.experiment import SETTINGS, Experiment, Stopped, stopped_at

OWN = SETTINGS | {
    "loss": "torch_mse",
    "methods": ["order_1", "order_2", "drift_1", "descent"],
    "keep_probs": [0.7],
    "learning_rates": [0.1, 0.2],
    "flow_time": 0.4,
    "times": 2,
    "trials": 5,
    "inner_steps": 2,
    "scheme": "midpoint",
    "few_trials": {"trials": 3, "repetitions": 4},
}
TABLES = ("weak_errors", "few_trials")


@pytest.fixture
def experiment(tmp_path):
    return Experiment(tmp_path, measure_weak_errors)


def dropout(rate, steps):
    purpose = f"weak_errors/0.7/{rate}"
    own = Simulation("tanh", 2 / 3 * rate, steps, (), (2,), purpose, 0.7, method="dropout", inner_steps=2)
    return replace(own, scheme="midpoint")


def test_every_row_is_the_weak_error_of_its_method_step_and_test_function(experiment):
    table, few = experiment.run(OWN, *TABLES)
    inputs = load_inputs(experiment.job(OWN))
    start = two_layers([layer.double() for layer in inputs.start([2], 1)])
    train = Sample(inputs.train.inputs.double(), inputs.train.targets.double())
    for rate, steps, at in ((0.1, 4, [2, 4]), (0.2, 2, [1, 2])):
        expected = dict(weak_differences(dropout(rate, steps), OWN["methods"], start, train, 5, at))
        own = table[table["learning_rate"] == rate].set_index(["method", "step", "function"])
        assert len(own) == len(expected) == 4 * 2 * 6
        for key, rows in expected.items():
            error = asdict(weak_error(rows))
            assert own.loc[key, list(error)].to_dict() == pytest.approx(error, nan_ok=True, rel=1e-6)
        plain = replace(dropout(rate, steps), inner_steps=1, scheme="euler_maruyama")
        plain = replace(plain, purpose=f"{plain.purpose}/few_trials")
        norms = norms_of_means(plain, ["dropout", "order_1", "order_2"], start, train, 3, 4)
        for method, values in norms.items():
            own = few[(few["learning_rate"] == rate) & (few["method"] == method)]
            assert own["norm"].to_numpy() == pytest.approx(values.numpy(), rel=1e-6)
    assert few.columns.tolist() == ["method", "keep_prob", "learning_rate", "repetition", "norm"]


def test_the_papers_own_protocol_may_be_left_out(experiment):
    table, few = experiment.run(OWN | {"few_trials": None}, *TABLES)
    assert len(table) and few.empty


def test_steps_are_compared_evenly_up_to_the_end():
    assert compared_steps(40, 8) == [5, 10, 15, 20, 25, 30, 35, 40]
    assert compared_steps(10, 8) == [1, 3, 4, 5, 6, 8, 9, 10]
    assert compared_steps(3, 8) == [1, 2, 3]


def test_an_interrupted_job_measures_no_point_twice(experiment, monkeypatch):
    whole = experiment.run(OWN, *TABLES)
    measured = []

    def counted(simulation, *rest):
        measured.append(simulation.steps)
        return weak_differences(simulation, *rest)

    monkeypatch.setattr(weak_errors_stage, "weak_differences", counted)
    with monkeypatch.context() as patched:
        stopped_at(patched, weak_errors_stage, 4)
        with pytest.raises(Stopped):
            experiment.run(OWN, *TABLES)
    parts = experiment.run(OWN, *TABLES)
    assert all(part.equals(one) for part, one in zip(parts, whole, strict=True))
    assert measured == [4, 2]


def test_a_divergence_names_the_rate_that_was_written(experiment):
    wild = OWN | {"learning_rates": [1e200], "flow_time": 4e200}
    with pytest.raises(DivergenceError, match=r"experiment 'test' diverged at learning_rate 1e\+200 and keep_prob 0.7"):
        experiment.run(wild, *TABLES)
