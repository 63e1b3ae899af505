"""``dropscape plan``."""

import click

from dropscape.commands.options import run_options, targets
from dropscape.commands.run import Run, plan


@click.command("plan")
@targets
@click.option("--check", is_flag=True, help="Compare forecasts with what finished jobs took.")
@run_options()
def command(run: Run, targets: tuple[str, ...], check: bool) -> int:
    """Say what is left to be made and what it will cost: jobs, hours, memory and disk.

    Nothing is run. A TARGET is a figure, a study or a file; without one it is everything.
    """
    run.check = check
    return plan(run, targets)
