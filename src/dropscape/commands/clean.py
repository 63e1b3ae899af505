"""``dropscape clean``."""

import click

from dropscape.commands.options import run_options
from dropscape.commands.run import Run, clean


@click.command("clean")
@run_options()
def command(run: Run) -> int:
    """Delete the results of one scale, and what Snakemake knows of all; not while a run is at work there."""
    return clean(run)
