"""``dropscape reproduce``."""

import click

from dropscape.commands.options import run_options, targets
from dropscape.commands.run import Run, reproduce


@click.command("reproduce")
@targets
@run_options()
def command(run: Run, targets: tuple[str, ...]) -> int:
    """Make every figure, judge every claim and write the report.

    A TARGET is a figure (fig3d, or noise_structure-fig3d where two papers have one), a study or a file; only what it
    needs is made then, and no report. What is up to date stays.
    """
    return reproduce(run, targets)
