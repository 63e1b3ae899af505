"""The summary at the end of a run: ``python -m dropscape.report.summary results/<scale>``."""

import argparse
import sys
from collections import Counter
from pathlib import Path

import pandas as pd

from dropscape.artifacts.files import read_json
from dropscape.artifacts.provenance import numeric_versions
from dropscape.errors import DropscapeError
from dropscape.numerics.progress import duration
from dropscape.report.verdicts import measured, read_claims, tally


def stage_times(folder: Path) -> pd.DataFrame:
    """Stage, jobs and seconds of each stage of ``results/<scale>``, in the order in which the stages ended.

    Seconds are summed over the jobs, some of which ran side by side. A job's time is that of its last run: what was up
    to date already counts with what it took back then.
    """
    benchmarks = folder / "benchmarks"
    files = sorted(benchmarks.rglob("*.tsv"), key=lambda file: file.stat().st_mtime)
    jobs = pd.DataFrame(
        {
            "stage": [file.relative_to(benchmarks).parts[0].partition("_")[0] for file in files],
            "seconds": [_seconds(file) for file in files],
        }
    ).dropna()
    ended = jobs["stage"].drop_duplicates(keep="last")
    times = jobs.groupby("stage")["seconds"].agg(jobs="count", seconds="sum")
    return times.loc[ended].reset_index()


def _seconds(file: Path) -> float:
    """What a job took; NaN where a full disk or a power cut left no time in its file."""
    try:
        return float(pd.read_csv(file, sep="\t")["s"].iloc[-1])
    except (ValueError, LookupError):
        return float("nan")


def summary(folder: Path) -> str:
    """Verdicts, times and where to look of ``results/<scale>``, as text; ArtifactError if a table is damaged."""
    lines = _claims(folder / "claims" / "claims.csv")
    times = stage_times(folder)
    if len(times):
        lines += ["", "Time of the jobs by stage (jobs run side by side; what was up to date counts as it was):"]
        for stage, jobs, seconds in times.itertuples(index=False):
            lines.append(f"  {stage:<12}{duration(seconds):>12}  {jobs} job{'s' if jobs > 1 else ''}")
    lines += [*_other_versions(folder), "", *_places(folder)]
    return "\n".join(lines)


def _claims(path: Path) -> list[str]:
    return claim_lines(read_claims(path)) if path.exists() else ["No claim is judged yet."]


def claim_lines(claims: pd.DataFrame) -> list[str]:
    """The tally of the claims, as ``read_claims`` gives them, and a line for each; without a verdict one more, why."""
    if claims.empty:
        return ["No claim is about what was made."]
    width = max(map(len, claims["claim"]))
    lines = [f"Scale {claims['scale'].iloc[0]}: {tally(claims)}"]
    for claim in claims.to_dict("records"):
        judged = f"  {claim['verdict']:<10}  {claim['claim']:<{width}}"
        lines.append(f"{judged}  {measured(claim)}, expected {claim['expected']}")
        if claim["verdict"] == "not judged":
            points_to = f"points to {claim['points_to']}; " if claim["points_to"] else ""
            lines.append(f"  {'':<10}  {'':<{width}}  {points_to}{claim['reason']}")
    return lines


def _other_versions(folder: Path) -> list[str]:
    """What was made by other versions of the packages that decide numbers, of which Snakemake makes nothing again."""
    here, found = numeric_versions(), Counter()
    for file in folder.rglob("*provenance.json"):
        made_by = read_json(file).get("versions", {})
        found.update(f"{name} {made_by[name]}" for name in here if made_by.get(name, here[name]) != here[name])
    if not found:
        return []
    counts = ", ".join(f"{count} by {what}" for what, count in sorted(found.items()))
    present = ", ".join(f"{name} {version}" for name, version in here.items())
    said = f"Some results were made by other versions than those here ({present}): {counts}."
    return ["", f"{said} RERUN_VERSIONS=true makes everything again."]


def _places(folder: Path) -> list[str]:
    report = folder / "report" / "report.html"
    figures = sorted((folder / "figures").glob("*.png"))
    places = {
        "Report": str(report) if report.exists() else "not made yet: make report",
        "Figures": f"{folder / 'figures'} ({len(figures)}, each as .svg, .pdf, .png and the .csv that is drawn)",
        "Claims": str(folder / "claims" / "claims.csv"),
    }
    return [f"{name + ':':<9}{place}" for name, place in places.items()]


def main() -> None:
    """Print the summary; an error that a user can act on is one sentence."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="results/<scale>")
    try:
        print(summary(parser.parse_args().folder))
    except DropscapeError as error:
        sys.exit(f"dropscape: {error}")


if __name__ == "__main__":
    main()
