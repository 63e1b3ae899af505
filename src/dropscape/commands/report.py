"""``dropscape report``."""

import click

from dropscape.commands.options import run_options
from dropscape.commands.run import Run, reproduce


@click.command("report")
@run_options()
def command(run: Run) -> int:
    """Make what is left, and results/SCALE/report/report.html, one file that needs no network."""
    return reproduce(run)
