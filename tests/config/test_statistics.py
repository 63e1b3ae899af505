"""Claims name statistics that exist, with arguments that they take."""

import inspect
import re
from importlib import import_module
from types import NoneType
from typing import get_args

import pytest

from dropscape.claims.of_experiment import OF_EXPERIMENT
from dropscape.claims.statistics import OF_THEORY, PER_RUN
from dropscape.config.load import read_yaml
from dropscape.config.settings import ClaimSettings
from dropscape.config.statistics import ARGUMENTS, OfTheory, checked_arguments
from dropscape.errors import ConfigurationError

GIVEN = ({"tables"}, {"run", "experiment", "study"}, {"claim"})  # the first three are the judge's
OF_TRAININGS = PER_RUN | OF_EXPERIMENT
CLAIM = {
    "study": "noise_structure",
    "figure": "fig2a",
    "statement": "A sentence.",
    "paper": "yes",
    "measures": "something",
    "statistic": "variance_flatness_rank",
    "arguments": {"sample": "gradients"},
    "expected": {"below": 0},
}


def test_every_statistic_is_known_and_every_known_one_exists():
    assert set(ARGUMENTS) == OF_TRAININGS.keys() | OF_THEORY.keys()
    assert {name for name, kind in ARGUMENTS.items() if issubclass(kind, OfTheory)} == set(OF_THEORY)


@pytest.mark.parametrize("name", ARGUMENTS)
def test_arguments_are_those_of_the_function(name):
    """Names, which of them may be left out, and what they then are."""
    parameters = list(inspect.signature((OF_TRAININGS | OF_THEORY)[name]).parameters.values())
    assert all(parameter.name in names for parameter, names in zip(parameters, GIVEN, strict=False))
    taken = {parameter.name: parameter.default for parameter in parameters[3:]}
    declared = {
        key: inspect.Parameter.empty if field.is_required() else field.default
        for key, field in ARGUMENTS[name].model_fields.items()
    }
    assert declared == taken


def test_every_claim_of_the_repository_calls_its_statistic_as_it_can_be_called(root):
    claims = read_yaml(root / "config/claims.yaml")
    assert claims
    for name, claim in claims.items():
        checked = ClaimSettings.model_validate(claim)
        function = (OF_TRAININGS if checked.figure else OF_THEORY)[checked.statistic]
        inspect.signature(function).bind(None, None, name, **checked.arguments)
        assert checked.arguments.keys() == claim.get("arguments", {}).keys(), "what is left out stays left out"


def test_columns_that_claims_name_are_described_where_the_page_says(root):
    for name, claim in read_yaml(root / "config/claims.yaml").items():
        if claim["statistic"] in OF_THEORY:
            arguments = claim["arguments"]
            module = import_module(f"dropscape.theory.tables.{arguments['table']}")
            described = set(re.findall(r"``(\w+)``", module.table.__doc__))
            chosen = arguments["where"]
            assert {arguments["column"], *chosen, *chosen.values()} <= described, name


def test_arguments_left_out_stay_left_out_and_numbers_may_be_text():
    assert checked_arguments("variance_flatness_rank", {"sample": "gradients"}) == {"sample": "gradients"}
    assert checked_arguments("cosine_settles", {"estimate": "cosine", "threshold": "1e-1"})["threshold"] == 0.1
    assert NoneType in get_args(ARGUMENTS["variance_flatness_rank"].model_fields["leading"].annotation)


REFUSED = [
    ({"statistic": "variance_rank"}, "'claims.x.statistic' is 'variance_rank': input should be 'variance_flatness_"),
    (
        {"arguments": {"sample": "gradients", "held": True}},
        "claims.x.arguments: 'held' of statistic 'variance_flatness_rank' is not one of its arguments; it takes "
        "sample, leading, held_out",
    ),
    ({"arguments": {}}, "'sample' of statistic 'variance_flatness_rank' is missing"),
    ({"arguments": {"sample": "noise"}}, "is 'noise': input should be 'trajectory' or 'gradients'; it takes sample"),
    ({"arguments": {"sample": "gradients", "leading": 0}}, "'leading' of statistic 'variance_flatness_rank' is 0:"),
    (
        {"figure": None},
        "claims.x: statistic 'variance_flatness_rank' is measured on the runs of a figure: write figure",
    ),
    (
        {
            "statistic": "theory_error",
            "arguments": {"table": "closed_forms", "column": "theorem1_error", "where": {"state": "trained"}},
        },
        "claims.x: statistic 'theory_error' is measured on a table of theory: leave figure out",
    ),
    (
        {
            "figure": None,
            "statistic": "theory_share",
            "arguments": {"table": "perturbations", "column": "lowered", "where": {}},
        },
        "claim 'x' is about the table 'perturbations', which the theory of noise_structure has not: write one of "
        "closed_forms",
    ),
    (
        {"study": "implicit_regularization", "figure": "fig11"},
        "claim 'x' is about the runs of implicit_regularization-fig11, a figure of theory, which has none",
    ),
    ({"figure": "fig9"}, "claim 'x' names noise_structure, fig9: write a study and one of its figures (fig1,"),
    ({"study": "dropout"}, "claim 'x' names dropout, fig2a"),
    ({"expected": {}}, "claims.x.expected: write one of {above: x}, {below: x} or {near: x, factor: f}"),
    ({"expected": {"above": 1, "below": 2}}, "write one of"),
    ({"expected": {"near": 1}}, "write one of"),
    ({"expected": {"above": 1, "factor": 2}}, "write one of"),
    ({"expected": {"near": 1, "factor": 1}}, "'claims.x.expected.factor' is 1: input should be greater than 1"),
]


@pytest.mark.parametrize(("changed", "sentence"), REFUSED, ids=[sentence[:40] for _, sentence in REFUSED])
def test_a_claim_that_cannot_be_measured_is_refused_before_any_job(root, tmp_path, changed, sentence, monkeypatch):
    from dropscape.config import load

    read = load.read_yaml
    claims = {"x": CLAIM | changed}
    monkeypatch.setattr(load, "read_yaml", lambda path: claims if path.name == "claims.yaml" else read(path))
    with pytest.raises(ConfigurationError) as error:
        load.load_settings({"scale": "smoke"}, root)
    assert sentence in str(error.value)
    assert "\n" not in str(error.value)
