"""``dropscape archive``."""

from pathlib import Path

import click

from dropscape.archive.crate import write_crate
from dropscape.commands.options import run_options
from dropscape.commands.run import Run


@click.command("archive")
@click.option(
    "--out", type=click.Path(path_type=Path, resolve_path=True), metavar="FILE.zip", help="dropscape-SCALE.zip"
)
@run_options()
def command(run: Run, out: Path | None) -> int:
    """Write the results of a scale as a Workflow Run RO-Crate, a zip file that describes itself.

    In it are the workflow, its configuration and locks, the commit and what is not committed, the machine and its
    packages, claims, figures and the report, every job's record, a checklist for reviewers, and checksums of all
    results, also of what is too large to be in it. With roc-validator in an environment of its own,
    rocrate-validator validate FILE checks it.
    """
    file = write_crate(run.results, run.root, out or Path(f"dropscape-{run.user.scale}.zip").resolve())
    print(f"{file} ({file.stat().st_size / 1e6:.1f} MB)")
    return 0
