"""Claims name statistics that exist, with arguments that they take."""

import re
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

import pytest
import yaml
from pydantic import ValidationError

from dropscape.claims import statistics
from dropscape.claims.settings import STATISTICS, ClaimSettings
from dropscape.claims.statistic import (
    ExperimentStatistic,
    RunStatistic,
    Statistic,
    TheoryStatistic,
    statistic_named,
)
from dropscape.config.load import load_settings

CLAIMS = Path(__file__).resolve().parents[2] / "config/claims"
CLAIM = {
    "figure": "fig2a",
    "statement": "A sentence.",
    "origin": "paper",
    "place": "section 6.1",
    "quote": "an inverse relationship",
    "measures": "something",
    "statistic": {"name": "variance_flatness_rank", "sample": "gradients"},
    "expected": {"below": 0},
    "control": {"what": "random directions", "statistic": {"directions": "random"}},
}


def claims_of_repository():
    """Every claim by the study and its name."""
    return {
        (path.stem, name): claim
        for path in sorted(CLAIMS.glob("*.yaml"))
        for name, claim in yaml.safe_load(path.read_text()).items()
    }


@pytest.mark.parametrize("name", [module.name for module in iter_modules(statistics.__path__)])
def test_every_module_defines_one_statistic_of_its_own_name(name):
    module = import_module(f"dropscape.claims.statistics.{name}")
    (kind,) = [
        one for one in vars(module).values()
        if isinstance(one, type) and issubclass(one, Statistic) and one.__module__ == module.__name__
    ]  # fmt: skip
    assert STATISTICS[name] is kind and kind.__name__ == "".join(part.title() for part in name.split("_"))
    assert kind.model_json_schema()["properties"]["name"]["const"] == name
    assert sum(issubclass(kind, one) for one in (RunStatistic, ExperimentStatistic, TheoryStatistic)) == 1
    assert kind.measure not in (RunStatistic.measure, ExperimentStatistic.measure, TheoryStatistic.measure)
    for key, field in kind.model_fields.items():
        assert key == "name" or field.description.endswith("."), key


def test_every_statistic_is_of_a_claim_of_the_repository_and_built_from_what_the_workflow_writes():
    claims = claims_of_repository()
    used = set()
    for (study, name), claim in claims.items():
        checked = ClaimSettings.model_validate(claim)
        written = checked.model_dump(mode="json")["statistic"]
        assert statistic_named(written) == statistic_named(claim["statistic"]) == checked.statistic, (study, name)
        used.add(checked.statistic.name)
    assert used == set(STATISTICS)
    assert len({name for _, name in claims}) == len(claims), "a name stands twice"


def test_columns_that_claims_name_are_described_where_the_page_says():
    for name, claim in claims_of_repository().items():
        statistic = statistic_named(claim["statistic"])
        if isinstance(statistic, TheoryStatistic):
            module = import_module(f"dropscape.theory.tables.{statistic.table}")
            described = set(re.findall(r"``(\w+)``", module.table.__doc__))
            assert {statistic.column, *statistic.where, *statistic.where.values()} <= described, name


def test_arguments_left_out_take_their_defaults_and_numbers_may_be_text():
    statistic = ClaimSettings.model_validate(CLAIM).statistic
    assert (statistic.leading, statistic.held_out) == (None, False)
    written = {
        "name": "share_below",
        "learning_rate": "1e-1",
        "keep_prob": 0.5,
        "method": "descent",
        "others": ["dropout"],
    }
    claim = CLAIM | {"statistic": written, "control": "none"}
    assert ClaimSettings.model_validate(claim).statistic.learning_rate == 0.1


RANK = CLAIM["statistic"]
REFUSED = [
    ({"statistic": {"name": "variance_rank"}}, "no statistic 'variance_rank': did you mean 'variance_flatness_rank'?"),
    ({"statistic": {"name": "q"}}, "there is no statistic 'q': write one of accuracy_advantage, accuracy_difference,"),
    ({"statistic": "slice_widening"}, "'slice_widening' does not name a statistic: write {name: ..., and its"),
    ({"statistic": {"sample": "gradients"}}, "does not name a statistic"),
    (
        {"statistic": RANK | {"held": True}},
        "'held' of statistic 'variance_flatness_rank' is not one of its arguments; it takes sample, dir",
    ),
    ({"statistic": {"name": RANK["name"]}}, "'sample' of statistic 'variance_flatness_rank' is missing"),
    (
        {"statistic": RANK | {"sample": "noise"}},
        "is 'noise': input should be 'trajectory', 'trajectory_quadratic', 'trajectory_halves' or 'gradients'; it",
    ),
    ({"statistic": RANK | {"leading": 0}}, "'leading' of statistic 'variance_flatness_rank' is 0:"),
    (
        {"statistic": {"name": "trajectory_distance", "methods": ["dropout", "sgd"]}},
        "'methods' of statistic 'trajectory_distance' is 'sgd': input should be 'dropout', 'dropout_again', 'order_1',",
    ),
    ({"statistic": {"name": "projections", "leading": 1}}, "is not one of its arguments; it takes none"),
    ({"figure": None}, "statistic 'variance_flatness_rank' is measured on the runs of a figure: write figure"),
    (
        {"statistic": {"name": "theory_error", "table": "closed_forms", "column": "theorem1_error", "where": {}}},
        "statistic 'theory_error' is measured on a table of theory: leave figure out",
    ),
    ({"expected": {}}, "write one of {above: x}, {below: x} or {near: x, factor: f}"),
    ({"expected": {"above": 1, "below": 2}}, "write one of"),
    ({"expected": {"near": 1}}, "write one of"),
    ({"expected": {"above": 1, "factor": 2}}, "write one of"),
    ({"expected": {"near": 1, "factor": 1}}, "greater than 1"),
    ({"quote": ""}, "origin is paper: write place and quote, the paper's own words"),
    ({"origin": "reading", "place": ""}, "origin is reading: write place and quote"),
    ({"quote": "word " * 16}, "quote has 16 words: write at most 15 of them"),
    (
        {"control": {"what": "itself"}},
        "control measures what the claim does: write another run, experiment or argument",
    ),
    (
        {"control": {"what": "w", "statistic": {"lead": 1}}},
        "control: 'lead' of statistic 'variance_flatness_rank' is not",
    ),
    ({"control": {"what": "w", "statistic": {"name": "q"}}}, "control: there is no statistic 'q'"),
    (
        {"control": {"what": "w", "run": "plain", "statistic": {"name": "rate_to_penalty"}}},
        "control.run is of statistics of runs, unlike rate_to_penalty: write it into statistic",
    ),
]


def test_a_control_takes_the_arguments_of_the_claim_but_for_those_it_gives():
    claim = ClaimSettings.model_validate(CLAIM)
    assert claim.control_statistic.model_dump() == claim.statistic.model_dump() | {"directions": "random"}
    assert ClaimSettings.model_validate(CLAIM | {"control": "an identity"}).control_statistic is None
    with pytest.raises(ValidationError, match="control"):
        ClaimSettings.model_validate({key: value for key, value in CLAIM.items() if key != "control"})


def test_every_claim_of_a_paper_is_quoted_and_ours_say_whose_they_are():
    origins = {name: ClaimSettings.model_validate(claim).origin for (_, name), claim in claims_of_repository().items()}
    assert set(origins.values()) == {"paper", "reading", "extension", "identity"}
    assert origins["A-fig2-gradients-held-out"] == "extension" and origins["A-fig1-flatter-fnn"] == "paper"


@pytest.mark.parametrize(("changed", "sentence"), REFUSED, ids=[sentence[:40] for _, sentence in REFUSED])
def test_a_claim_that_cannot_be_measured_is_refused_in_one_sentence(changed, sentence):
    with pytest.raises(ValidationError) as error:
        ClaimSettings.model_validate(CLAIM | changed)
    (problem,) = error.value.errors()
    assert sentence in problem["msg"] and "\n" not in problem["msg"]


# Arguments that name a run, and the argument that has its experiment where it may be another one.
RUN_ARGUMENTS = {"run": "", "share_of": "", "against": "other_experiment", "other": "other_experiment"}
NOT_RUNS = ("theory_rank", "generalisation_error")  # whose ``against`` is something else


def test_every_run_that_a_claim_names_is_trained_at_the_paper_scale():
    """A mistyped name would only be read in the verdict, as that of a run that is left out at this scale."""
    settings, missing, looked_at = load_settings({"scale": "paper"}, CLAIMS.parents[1]), [], 0
    for study in settings.studies.values():
        for name, claim in study.claims.items():
            own = claim.experiment or (study.figures[claim.figure].experiments[0] if claim.figure else None)
            measured = [(own, claim.run, claim.statistic.model_dump())]
            if not isinstance(claim.control, str):
                changed = claim.control.statistic
                whole = changed if "name" in changed else measured[0][2] | changed
                measured.append((claim.control.experiment or own, claim.control.run, whole))
            for experiment, run, statistic in measured:
                keys = {} if statistic["name"] in NOT_RUNS else RUN_ARGUMENTS
                named = [(statistic.get(where) or experiment, statistic.get(key)) for key, where in keys.items()]
                for one, of_run in [(experiment, run), *named]:
                    looked_at += of_run is not None
                    if of_run is not None and of_run not in settings.experiments[one].runs:
                        missing.append((name, one, of_run))
    assert not missing and looked_at > 100
