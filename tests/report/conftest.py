import json
import math
import os
import subprocess
import sys
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
import pytest

ROOT = Path(__file__).parents[2]

PAPERS = [
    {"study": "noise_structure", "letter": "A", "title": "Dropout in training neural networks"},
    {"study": "modified_equations", "letter": "C", "title": "Stochastic modified equations"},
]
# The real rule, pages and style, between stand-ins for the figures and the claims.
SNAKEFILE = f"""
from pathlib import Path
from types import SimpleNamespace

RESULTS = "results/smoke"
FIGURES = {{
    "noise_structure-fig2a": "Paper A, Fig. 2(a)",
    "modified_equations-fig3a": "Paper C, Fig. 3(a)",
}}
CATEGORIES = {{"noise_structure": "Paper A, noise structure", "modified_equations": "Paper C, modified equations"}}
PAPERS = {json.dumps(PAPERS)}


def settings_of(rule):
    return {{
        "papers": PAPERS,
        "figures": {{
            name: {{"paper_reference": reference, "path": f"{{RESULTS}}/figures/{{name}}.png"}}
            for name, reference in FIGURES.items()
        }},
    }}


report: "{ROOT}/workflow/report/workflow.rst"


rule all:
    default_target: True
    input:
        expand(RESULTS + "/figures/{{figure}}.png", figure=FIGURES),
        RESULTS + "/report/first_page.html",


rule figures:
    input:
        "drawn/{{figure}}.png",
    output:
        report(
            RESULTS + "/figures/{{figure}}.png",
            caption="caption.rst",
            category=lambda wildcards: CATEGORIES[wildcards.figure.partition("-")[0]],
            labels=lambda wildcards: {{"result": FIGURES[wildcards.figure]}},
        ),
    shell:
        "cp {{input}} {{output}}"


rule claims:
    input:
        "judged/{{table}}.csv",
    output:
        report(RESULTS + "/claims/{{table}}.csv", category="Claims", labels={{"result": "claims"}}),
    shell:
        "cp {{input}} {{output}}"


include: "{ROOT}/workflow/rules/report.smk"


for each in workflow.rules:
    if each.script:
        each.log_modifier = each.output_modifier
        each.set_log(RESULTS + "/logs/report/report.log")
"""


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
def report_file(tmp_path_factory, claims) -> Path:
    """The report that Snakemake makes of a small workflow with this project's first page, rule and style."""
    folder = tmp_path_factory.mktemp("report")
    (folder / "Snakefile").write_text(SNAKEFILE)
    (folder / "caption.rst").write_text("A caption of {{ snakemake.wildcards.figure }}.\n")
    (folder / "drawn").mkdir()
    for name in ("noise_structure-fig2a", "modified_equations-fig3a"):
        figure, axes = plt.subplots()
        axes.plot([1, 2, 3], [3, 1, 2])
        figure.savefig(folder / "drawn" / f"{name}.png")
        plt.close(figure)
    (folder / "judged").mkdir()
    claims.to_csv(folder / "judged" / "claims.csv", index=False)
    claims[["claim", "value"]].to_csv(folder / "judged" / "by_run.csv", index=False)
    snakemake = [sys.executable, "-m", "snakemake", "--cores", "1", "--quiet"]
    file = folder / "results/smoke/report/report.html"
    style = ["--report", str(file), "--report-stylesheet", str(ROOT / "workflow/report/report.css")]
    # No proxy answers at this address: the report must be made without a network.
    environment = os.environ | dict.fromkeys(("http_proxy", "https_proxy"), "http://127.0.0.1:9")
    for call in (snakemake, [*snakemake, *style]):
        done = subprocess.run(call, cwd=folder, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
    return file
