"""A run as a page of Markdown: ``python -m dropscape.report.gallery results/<scale> docs/gallery``."""

import argparse
import shutil
import sys
from pathlib import Path

import pandas as pd

from dropscape.artifacts.files import read_json
from dropscape.errors import ArtifactError, DropscapeError
from dropscape.report.verdicts import control, judgement, measured, read_claims, settings, source, tally

_HEADER = "| claim | whose | ours | expected | verdict | why | control | differs from the paper |"
MARKS = {"holds": "**holds**", "fails": "**fails**"}


def page(claims: pd.DataFrame, papers: list[dict[str, str]], figures: list[str], folder: str, command: str) -> str:
    """The page: what was run with the command, every claim with its numbers, every figure.

    Claims are as ``read_claims`` gives them, papers the ``study``, ``letter`` and ``title`` of each; figures are names
    such as ``noise_structure-fig2d``, whose PNGs lie in the folder.
    """
    of_trainings = claims[claims["figure"] != ""]
    data = "; ".join((of_trainings if len(of_trainings) else claims)["data"].unique())
    lines = [
        "# Gallery",
        "",
        f"Scale `{claims['scale'].iloc[0]}`{settings(claims)}. Data: {data}. {tally(claims)}",
        "",
        "Made with",
        "",
        "```",
        command,
        "```",
        "",
        "A claim about several trainings shows the weakest of them. Brackets hold the 95 % interval.",
    ]
    for paper in papers:
        study = paper["study"]
        rows = claims[claims["study"] == study]
        if rows.empty:
            continue
        lines += ["", f"## Paper {paper['letter']}: {paper['title']}", ""]
        lines += [_HEADER, "|" + "---|" * 8]
        for claim in rows.to_dict("records"):
            cells = (
                f"{claim['statement']}<br><sub>{claim['statistic']}</sub>",
                source(claim),
                f"{measured(claim)}<br><sub>{claim['rests_on']}</sub>",
                claim["expected"],
                MARKS.get(claim["verdict"], judgement(claim)),
                claim["reason"],
                control(claim),
                claim["deviations"] or "in nothing",
            )
            lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
        for figure in figures:
            if figure.startswith(f"{study}-"):
                lines += ["", f"![{figure}]({folder}/{figure}.png)"]
    return "\n".join(lines) + "\n"


def write_gallery(results: Path, folder: Path, command: str) -> None:
    """Copy the figures of ``results`` into ``folder`` and write ``<folder>.md`` beside it.

    ArtifactError if the results hold no claims or no figures.
    """
    claims = read_claims(results / "claims/claims.csv")
    pictures = sorted((results / "figures").glob("*.png"))
    if not pictures:
        raise ArtifactError(f"{results}/figures holds no figure: run the workflow at this scale first.")
    papers = read_json(results / "report/provenance.json")["parameters"]["papers"]
    folder.mkdir(parents=True, exist_ok=True)
    for picture in pictures:
        shutil.copyfile(picture, folder / picture.name)
    names = [picture.stem for picture in pictures]
    folder.with_suffix(".md").write_text(page(claims, papers, names, folder.name, command), encoding="utf-8")


def main() -> None:
    """Write the page; an error that a user can act on is one sentence."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("results", type=Path, help="results/<scale>")
    parser.add_argument("folder", type=Path, help="folder of the figures; the page is written beside it")
    parser.add_argument("--command", default="make reproduce", help="what made the results, for the page")
    arguments = parser.parse_args()
    try:
        write_gallery(arguments.results, arguments.folder, arguments.command)
    except DropscapeError as error:
        sys.exit(f"dropscape: {error}")


if __name__ == "__main__":
    main()
