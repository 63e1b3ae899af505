"""The stage on files: the repository's claims on single runs and on theory are judged, whatever the tables hold."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from dropscape.artifacts.files import read_json, read_table, write_json, write_table
from dropscape.claims.judge import FAILS, HOLDS, NOT_JUDGED
from dropscape.claims.of_experiment import OF_EXPERIMENT
from dropscape.claims.stage import judge_all
from dropscape.config.load import load_settings
from tests.claims.conftest import projection, spectrum_and_interval

ROOT = Path(__file__).resolve().parents[2]
COLUMNS = [
    *("claim", "study", "figure", "statement", "statistic", "value", "low", "high", "expected", "paper"),
    *("verdict", "reason", "data", "scale"),
]
DIRECTIONS, SEEDS, SAMPLES = 60, (0, 1), ("trajectory", "gradients")


def claims_of_repository():
    """All but those that compare trainings, which have tests of their own."""
    claims = load_settings({"scale": "quick"}, ROOT).claims
    return {name: claim for name, claim in claims.items() if claim.statistic not in OF_EXPERIMENT}


def tables_of_a_run():
    """What the papers say, exactly: power laws, an aligned covariance, a small baseline."""
    variances = np.logspace(0, -6, DIRECTIONS)
    tidy = {
        sample: spectrum_and_interval(
            dict.fromkeys(SEEDS, variances),
            dict.fromkeys(SEEDS, variances**-0.5),
            {factor: lambda width, factor=factor: factor * width for factor in (1.5, 3.0, 4.0)},
            sample,
        )
        for sample in SAMPLES
    }
    pairs = {seed: list(zip(variances, variances**1.2, strict=True)) for seed in SEEDS}
    steps = range(0, 1000, 50)
    return {
        "spectrum": pd.concat(tidy[sample]["spectrum"] for sample in SAMPLES),
        "interval": pd.concat(tidy[sample]["interval"] for sample in SAMPLES),
        "projection": pd.concat(projection(pairs, sample) for sample in SAMPLES),
        "alignment": pd.DataFrame(
            {"seed": seed, "step": step, "keep_prob": 0.8, "trace_h_sigma": 50.0, "trace_h_isotropic": 1.0,
             "cosine": 0.9, "cosine_unbiased": 0.8}
            for seed in SEEDS
            for step in steps
        ),
        "baseline": pd.DataFrame(
            {"eigenvectors": kind, "pair": range(20), "cosine": np.linspace(7e-4, 8e-4, 20), "expected": 7.8e-4}
            for kind in ("normalised", "orthonormal")
        ).explode(["pair", "cosine"]),
    }  # fmt: skip


def tables_of_a_pair(plain):
    """Dropout's slices are twice as wide and its accuracy is higher by a percentage point."""
    rows = [{"seed": seed, "direction": direction} for seed in SEEDS for direction in range(6)]
    return {
        "slice_widths": pd.DataFrame(rows).assign(half_width=0.1 if plain else 0.2),
        "history": pd.DataFrame({"seed": SEEDS, "step": 9, "test_accuracy": 0.5 if plain else 0.51}),
    }


@pytest.fixture
def stage(tmp_path):
    """Judges the repository's claims on tables of a few runs of each experiment and on a theory table."""
    settings, stated = load_settings({"scale": "quick"}, ROOT), claims_of_repository()
    experiments = {
        name: claim.experiment or settings.studies[claim.study].figures[claim.figure].experiment
        if claim.figure
        else None
        for name, claim in stated.items()
    }
    runs = [
        {"experiment": "mnist_fnn", "name": "keep0.8", "main": True, "plain": False, "kinds": list(tables_of_a_run())},
        {"experiment": "mnist_fnn_plain", "name": "lr0.1", "main": True, "plain": False, "kinds": ["alignment"]},
    ]
    for run in runs:
        run["settings"] = {}
    for experiment in sorted(set(experiments.values()) - {None, "mnist_fnn", "mnist_fnn_plain"}):
        for name, plain in (("dropout", False), ("plain", True)):
            kinds = [*tables_of_a_pair(plain), *([] if plain else tables_of_a_run())]
            run = {"experiment": experiment, "name": name, "main": not plain, "plain": plain}
            runs.append(run | {"kinds": kinds, "settings": {}})
    files = {kind: [] for kind in tables_of_a_run() | tables_of_a_pair(plain=True)}
    for run in runs:
        for kind in run["kinds"]:
            path = tmp_path / run["experiment"] / run["name"] / f"{kind}.csv"
            write_table(path, (tables_of_a_run() | tables_of_a_pair(run["plain"]))[kind])
            files[kind].append(str(path))
    of_theory = [claim for claim in settings.claims.values() if not claim.figure]
    theory = sorted({(claim.study, claim.arguments["table"]) for claim in of_theory})
    for study, table in theory:
        rows = [
            claim.arguments["where"] | {claim.arguments["column"]: True if claim.statistic == "theory_share" else 1e-12}
            for claim in of_theory
            if (claim.study, claim.arguments["table"]) == (study, table)
        ]
        write_table(tmp_path / "theory" / study / f"{table}.csv", pd.DataFrame(rows * 160))
    write_json(tmp_path / "mnist.json", {"label": "5,000 digits"})
    outputs = {"claims": "claims.csv", "by_run": "by_run.csv", "provenance": "provenance.json"}

    def judged():
        given = {
            "claims": [
                {"name": name}
                | claim.model_dump(mode="json")
                | {"expected": claim.expected.model_dump(exclude_none=True)}
                for name, claim in stated.items()
            ],
            "experiments": experiments,
            "descriptions": {run["experiment"]: str(tmp_path / "mnist.json") for run in runs},
            "theory_tables": theory,
            "whole_tables": {},
            "scale": "quick",
            "runs": runs,
        }
        judge_all(
            given,
            files | {"theory": [str(tmp_path / "theory" / study / f"{table}.csv") for study, table in theory]},
            {kind: str(tmp_path / name) for kind, name in outputs.items()},
        )
        return read_table(tmp_path / "claims.csv"), read_table(tmp_path / "by_run.csv")

    return judged


def test_every_claim_gets_a_row_in_the_order_of_the_file(stage, tmp_path):
    claims, by_run = stage()
    expected = list(claims_of_repository())
    assert claims["claim"].tolist() == by_run["claim"].drop_duplicates().tolist() == expected
    assert claims.columns.tolist() == COLUMNS
    assert set(claims["verdict"]) <= {HOLDS, FAILS, NOT_JUDGED}
    assert set(claims["data"]) == {"5,000 digits", "random small networks"}
    record = read_json(tmp_path / "provenance.json")
    assert record["stage"] == "claims" and record["data"]["datasets"] == [{"label": "5,000 digits"}]


def test_tables_that_say_what_the_papers_say_make_the_claims_hold(stage):
    """But two: equally linear samples are not more linear, and the unbiased cosine was put below 0.85."""
    claims, _ = stage()
    verdicts = dict(zip(claims["claim"], claims["verdict"], strict=True))
    failing = {"A-gradients-more-linear-fig2", "A-gradients-more-linear-fig3", "C-fig3a-throughout-unbiased"}
    assert {name for name, verdict in verdicts.items() if verdict != HOLDS} == failing
    assert verdicts["C-fig3a-throughout-unbiased"] == FAILS


def test_the_same_tables_give_the_same_bytes(stage, tmp_path):
    stage()
    first = (tmp_path / "claims.csv").read_bytes()
    stage()
    assert (tmp_path / "claims.csv").read_bytes() == first
