from dataclasses import replace

import pytest
import torch

from dropscape.equations.few_trials import norms_of_means
from dropscape.equations.simulation import Simulation, simulate
from tests.equations.networks import curve

DROPOUT = Simulation("tanh", 0.1, 6, (), (3,), "few", 0.8, method="dropout")


def test_norms_are_those_of_means_of_independent_trials():
    start, sample = curve()
    found = norms_of_means(DROPOUT, ["dropout", "order_1"], start, sample, 5, 4)

    def means(method, purpose):
        own = replace(DROPOUT, method=method, purpose=f"few/{purpose}")
        return simulate(own, start.expanded(20), sample).parameters.vectors().view(4, 5, -1).mean(dim=1)

    for method in ("dropout", "order_1"):
        expected = (means(method, method) - means("dropout", "reference")).norm(dim=1)
        torch.testing.assert_close(found[method], expected)


def test_the_sampling_error_falls_with_the_trials_and_hides_the_equations_error():
    start, sample = curve()
    few, many = (norms_of_means(DROPOUT, ["dropout", "order_1"], start, sample, n, 60) for n in (10, 160))
    assert few["dropout"].mean() / many["dropout"].mean() == pytest.approx(4, rel=0.2)
    assert few["order_1"].mean() / few["dropout"].mean() == pytest.approx(1, rel=0.2)
