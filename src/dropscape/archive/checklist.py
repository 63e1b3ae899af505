"""What reviewers of artifacts ask for (ACM's badges, the checklist of NeurIPS), answered from a run's own records."""

from pathlib import Path
from typing import Any

import pandas as pd

from dropscape.artifacts.files import read_json
from dropscape.numerics.progress import duration
from dropscape.report.made_by import made_by
from dropscape.report.verdicts import tally


def checklist(results: Path, claims: pd.DataFrame) -> str:
    """The page in Markdown: claims, data, code, compute, seeds, statistics, of ``results/<scale>``."""
    jobs, records = benchmarks(results), [read_json(path) for path in results.rglob("*provenance.json")]
    judged, data = claims[claims["verdict"] != "not judged"], descriptions(results)
    with_interval = claims[claims["low"].notna() | claims["high"].notna()]
    units = with_interval.loc[with_interval["rests_on"] != "", "rests_on"].value_counts()
    controls = claims["control_verdict"].value_counts()
    made = made_by(results)
    versions = {
        name: " and ".join(made[name]) for record in records for name in record.get("versions", {}) if name in made
    }
    devices = made.get("device", [])
    seeds = sorted({seed for record in records for seed in record.get("parameters", {}).get("seeds") or []})
    verdicts = ", ".join(f"{count} {verdict}" for verdict, count in controls.items() if verdict)
    rest_on = ", ".join(f"{unit} ({count} claim{'s' if count > 1 else ''})" for unit, count in units.head(6).items())
    longest, largest = (jobs.loc[jobs[column].idxmax()] for column in ("s", "max_rss"))
    decide = ", ".join(f"{name} {version}" for name, version in sorted(versions.items()))
    deviating = int((claims["deviations"] != "").sum())
    lines = [
        "# Checklist",
        "",
        f"Written from the records of the run at the scale `{claims['scale'].iloc[0]}`; nothing here was typed in.",
        "",
        "## Claims",
        "",
        f"- {tally(claims)}",
        f"- {len(judged)} of {len(claims)} claims are judged. Each has its statistic, what is expected of it, its "
        "interval and its control in `results/claims/claims.csv`, with the paper's words and their place.",
        f"- Settings that are not the paper's are named for each claim: {deviating} have some.",
        "",
        "## Data",
        "",
    ]
    for one in data:
        licence = one.get("licence", "own")
        lines.append(f"- {one['label']}: source `{one['source']}`; checksums {checked(one)}; licence: {licence}.")
    lines += [
        "",
        "## Code and environment",
        "",
        "- Licence: MIT (`LICENSE`). `commit.txt` and `uncommitted.diff` say what the repository was when this was "
        "written, `results/.code` holds the checksum of every module that a job ran.",
        "- Packages: `envs/*.lock`, each file with its hash; those of this environment: `environment.json`.",
        f"- Versions that decide numbers: {decide}.",
        "- To repeat it: `make reproduce` with the configuration in `config/`; an interrupted run goes on.",
        "",
        "## Compute",
        "",
        f"- {len(jobs)} jobs, {duration(jobs['s'].sum())} of time and {duration(jobs['cpu_time'].sum())} of processor "
        "time, summed over the jobs.",
        f"- The longest job took {duration(longest['s'])} ({longest['job']}), the largest needed "
        f"{largest['max_rss'] / 1024:.1f} GiB of memory ({largest['job']}).",
        f"- Devices: {', '.join(devices) or 'cpu'}. The machine: `environment.json`.",
        "",
        "## Seeds and statistics",
        "",
        f"- Seeds of trainings: {', '.join(map(str, seeds)) or 'none'}. Same machine and thread count: the same bits.",
        f"- {len(with_interval)} of {len(claims)} claims have a 95 % interval, over independent units: {rest_on}.",
        f"- Controls: {verdicts or 'none'}. A claim whose control passes is not judged.",
    ]
    return "\n".join(lines) + "\n"


def benchmarks(results: Path) -> pd.DataFrame:
    """A row a job: its name, seconds (s), seconds of processor time (cpu_time) and memory in MiB (max_rss)."""
    folder, rows = results / "benchmarks", []
    for path in sorted(folder.rglob("*.tsv")):
        table = pd.read_csv(path, sep="\t", na_values="-")
        if len(table):
            row = table.iloc[-1]
            rows.append(
                {"job": path.relative_to(folder).with_suffix("").as_posix()} | dict(row[["s", "cpu_time", "max_rss"]])
            )
    return pd.DataFrame(rows)


def descriptions(results: Path) -> list[dict[str, Any]]:
    """What is known of each dataset that was prepared."""
    found = [read_json(path) for path in sorted((results / "data").glob("*.json"))]
    return [one for one in found if "source" in one and "label" in one]


def checked(description: dict[str, Any]) -> str:
    """Whether the files of a dataset were those that are expected."""
    return "verified" if description.get("checksums_verified") else "not those of the official files"
