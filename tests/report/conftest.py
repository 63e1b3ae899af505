"""A report of two figures and four claims, made by the stage from files like those of a run."""

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from dropscape.artifacts.files import write_json, write_table
from dropscape.artifacts.provenance import provenance
from dropscape.figures import style
from dropscape.jobs import Job, perform
from dropscape.report.page.stage import write_report

PAPERS = [
    {"study": "modified_equations", "letter": "C", "title": "Stochastic modified equations"},
    {"study": "noise_structure", "letter": "A", "title": "Dropout in training neural networks"},
]
SCATTER = {
    "x": "flatness", "x_label": "flatness F", "y": "variance", "y_label": "variance", "by": "estimate",
    "names": {"run": "run", "seed": "seed", "index": "direction"}, "logarithmic": True,
}  # fmt: skip
FIGURES = {
    "modified_equations-fig3a": {
        "study": "modified_equations", "paper_reference": "Paper C, Fig. 3(a)", "scatter": None,
        "caption": "The cosine is shown along training (Paper C, Fig. 3(a)).",
    },
    "noise_structure-fig2a": {
        "study": "noise_structure", "paper_reference": "Paper A, Fig. 2(a)", "scatter": SCATTER,
        "caption": "Variance is shown against flatness (Paper A, Fig. 2(a)).",
    },
}  # fmt: skip
EXPERIMENT = {
    "name": "mnist_fnn", "model": "784-50-10", "network": None, "title": "MNIST", "dataset": "mnist",
    "train_examples": 2000, "deviations": ["2,000 of 10,000 training images"],
}  # fmt: skip


@pytest.fixture(scope="session")
def claims() -> pd.DataFrame:
    """A claim of each verdict, with and without bounds and figure, and text that HTML would misread."""
    holds = {
        "claim": "A-fig2",
        "study": "noise_structure",
        "figure": "noise_structure-fig2a",
        "statement": "Interval flatness and variance are inversely related.",
        "statistic": "Spearman's rank correlation",
        "value": -0.91234,
        "low": -0.95,
        "high": -0.88,
        "expected": "below 0",
        "origin": "paper",
        "place": "section 6.1",
        "quote": "negative correlation",
        "rests_on": "3 seeds",
        "verdict": "holds",
        "points_to": "holds",
        "control": "random directions",
        "control_value": 0.0123,
        "control_verdict": "not judged",
        "deviations": "2,000 of 10,000 training images",
        "reason": "holds in 3 of 3 runs",
        "data": "MNIST, 4,000 + 1,000 real digits",
        "scale": "smoke",
    }
    fails = {
        "claim": "C-cosine",
        "study": "modified_equations",
        "figure": "modified_equations-fig3a",
        "statement": "The cosine exceeds 0.85 throughout training.",
        "value": 0.412,
        "low": 0.39,
        "high": 0.43,
        "expected": "above 0.85",
        "quote": "surpassing 0.85",
        "place": "section 5.3",
        "verdict": "fails",
        "points_to": "fails",
        "control_value": math.nan,
        "reason": "",
    }
    no_figure = {
        "claim": "A-theorem",
        "figure": "",
        "statement": 'Σ ⪰ δ² H, where "a" < b & c.',
        "value": 7.8e-12,
        "low": math.nan,
        "high": math.nan,
        "origin": "identity",
        "place": "",
        "quote": "",
        "control": "none: algebra guarantees it",
        "control_value": math.nan,
        "control_verdict": "",
        "reason": "",
    }
    not_judged = {
        "claim": "A-few",
        "figure": "noise_structure-fig9",
        "value": math.nan,
        "low": math.nan,
        "high": math.nan,
        "verdict": "not judged",
        "points_to": "",
        "reason": "too few points: 12",
    }
    return pd.DataFrame([holds | other for other in ({}, fails, no_figure, not_judged)])


@pytest.fixture(scope="session")
def by_run(claims) -> pd.DataFrame:
    """Of the first claim a run that decides and one that does not; of the others the row of the claim itself."""
    shared = {"run": "", "main": True, "points": math.nan, "note": ""}
    columns = ["claim", "value", "low", "high", "rests_on", "verdict", "points_to", "reason", "control_value"]
    rows = claims[[*columns, "control_verdict"]].assign(**shared)
    first = rows.iloc[:1].assign(run="keep0.8")
    return pd.concat([first, first.assign(run="shared masks", main=False, value=0.5, verdict="fails"), rows.iloc[1:]])


@pytest.fixture(scope="session")
def results(tmp_path_factory, claims, by_run) -> Path:
    """A folder like that of a run, with the report in it."""
    folder = tmp_path_factory.mktemp("results")
    for part in ("claims", "figures", "report", "training"):
        (folder / part).mkdir()
    write_table(folder / "claims/claims.csv", claims)
    write_table(folder / "claims/by_run.csv", by_run)
    write_json(folder / "training/provenance.json", provenance("training", {"seed": 7}))
    draws = np.random.default_rng(0).lognormal(size=(2, 60))
    points = pd.DataFrame({"run": "keep0.8", "seed": [0, 1] * 30, "index": range(60), "estimate": "in-sample"})
    points = points.assign(flatness=draws[0], variance=draws[1], reason=[""] * 59 + ["variance not positive"])
    for name, of in FIGURES.items():
        figure = Figure(figsize=(7, 3), label=f"{of['paper_reference']}: cosines of $L_S$ & more")
        figure.add_subplot().plot([1, 2, 3], [3, 1, 2])
        paths = {ending: folder / f"figures/{name}.{ending}" for ending in ("pdf", "png", "svg")}
        with style.applied():
            style.save(figure, paths)
        write_table(folder / f"figures/{name}.csv", points)
        write_table(folder / f"figures/{name}.summary.csv", points.head(2))
        write_json(folder / f"figures/{name}.json", {"experiments": [EXPERIMENT], "deviations": []})
    inputs = {name: str(folder / f"claims/{name}.csv") for name in ("claims", "by_run")}
    inputs |= {"figures": sorted(map(str, (folder / "figures").glob("*-fig*")))}
    settings = {"papers": PAPERS, "figures": FIGURES, "configuration": {"scale": "smoke", "source": "embedded"}}
    outputs = {"page": str(folder / "report/report.html"), "provenance": str(folder / "report/provenance.json")}
    perform(write_report, Job("report", "", settings, inputs, outputs))
    return folder
