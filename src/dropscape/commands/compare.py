"""``dropscape compare``."""

from pathlib import Path

import click

from dropscape.comparison.pages import terminal, write_comparison
from dropscape.comparison.results import read_results
from dropscape.comparison.tables import compare


@click.command("compare")
@click.argument("a")
@click.argument("b")
@click.option("--out", type=click.Path(path_type=Path), metavar="FOLDER", help="Write html, Markdown and csv there.")
@click.option("--fail-on-flip", is_flag=True, help="Exit with status 1 where a verdict flipped or is lost.")
def command(a: str, b: str, out: Path | None, fail_on_flip: bool) -> int:
    """Compare the results B with the results A, those before: did a change alter the science?

    A and B are folders such as results/quick, also of another clone, a folder with claims.csv and figures, or the name
    of a scale below results/. It says which verdicts flipped, which values differ by more than their 95 % intervals,
    and which settings, versions, machines and figures differ.
    """
    sides = tuple(read_results(folder_of(name), name) for name in (a, b))
    found = compare(*sides)
    print(terminal(found))
    if out:
        print(f"\nThe whole comparison is {write_comparison(out, found, sides)}.")
    return int(fail_on_flip and len(found.flips) > 0)


def folder_of(name: str) -> Path:
    """The folder that a name means: itself, or a scale below results/, also of the repository around."""
    here = Path.cwd()
    scales = [folder / "results" / name for folder in (here, *here.parents)]
    return next((folder for folder in (Path(name), *scales) if folder.is_dir()), Path(name))
