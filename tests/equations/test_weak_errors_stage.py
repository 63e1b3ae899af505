from dataclasses import asdict

import pytest

from dropscape.equations import weak_errors_stage
from dropscape.equations.inputs import load_inputs
from dropscape.equations.network import Sample, two_layers
from dropscape.equations.simulation import Simulation
from dropscape.equations.weak_error import end_differences, weak_error
from dropscape.equations.weak_errors_stage import measure_weak_errors
from dropscape.errors import DivergenceError
from tests.equations.experiment import SETTINGS, Experiment, Stopped, stopped_at

OWN = SETTINGS | {
    "loss": "torch_mse",
    "orders": [1, 2],
    "keep_probs": [0.7],
    "learning_rates": [0.1, 0.2],
    "flow_time": 0.4,
    "trials": 5,
    "inner_steps": 2,
    "scheme": "midpoint",
}


@pytest.fixture
def experiment(tmp_path):
    return Experiment(tmp_path, measure_weak_errors)


def test_every_point_is_the_weak_error_of_its_equation(experiment):
    (table,) = experiment.run(OWN, "weak_errors")
    assert table[["order", "keep_prob", "learning_rate"]].to_numpy().tolist() == [
        [order, 0.7, rate] for order in (1, 2) for rate in (0.1, 0.2)
    ]
    inputs = load_inputs(experiment.job(OWN))
    start = two_layers([layer.double() for layer in inputs.start([2], 1)])
    train = Sample(inputs.train.inputs.double(), inputs.train.targets.double())
    for order, rate, steps, row in ((1, 0.2, 2, 1), (2, 0.1, 4, 2)):
        simulation = Simulation(
            "tanh",
            2 / 3 * rate,
            steps,
            (),
            (2,),
            f"weak_errors/{order}/0.7/{rate}",
            0.7,
            method=f"order_{order}",
            inner_steps=2,
            scheme="midpoint",
        )
        expected = asdict(weak_error(end_differences(simulation, start, train, 5)))
        assert table.loc[row, list(expected)].to_dict() == pytest.approx(expected, nan_ok=True, rel=1e-6)


def test_an_interrupted_job_measures_no_point_twice(experiment, monkeypatch):
    (whole,) = experiment.run(OWN, "weak_errors")
    measured = []

    def counted(simulation, *rest):
        measured.append((simulation.method, simulation.steps))
        return end_differences(simulation, *rest)

    monkeypatch.setattr(weak_errors_stage, "end_differences", counted)
    with monkeypatch.context() as patched:
        stopped_at(patched, weak_errors_stage, 5)
        with pytest.raises(Stopped):
            experiment.run(OWN, "weak_errors")
    (parts,) = experiment.run(OWN, "weak_errors")
    assert parts.equals(whole)
    assert measured == [("order_1", 4), ("order_1", 2), ("order_2", 4), ("order_2", 2)]


def test_a_divergence_names_the_rate_that_was_written(experiment):
    wild = OWN | {"learning_rates": [1e200], "flow_time": 4e200}
    with pytest.raises(DivergenceError, match=r"experiment 'test' diverged at learning_rate 1e\+200 and keep_prob 0.7"):
        experiment.run(wild, "weak_errors")
