"""``dropscape claims``."""

import click

from dropscape.commands.options import run_options
from dropscape.commands.run import Run, watched
from dropscape.commands.several import SeveralValues
from dropscape.report.summary import claim_lines
from dropscape.report.verdicts import read_claims


@click.command("claims", cls=SeveralValues)
@click.option("--study", multiple=True, metavar="NAME...", help="List the claims of these studies alone.")
@click.option(
    "--verdict", multiple=True, type=click.Choice(["holds", "fails", "not judged"]), help="With this verdict."
)
@click.option(
    "--origin",
    multiple=True,
    type=click.Choice(["paper", "reading", "extension", "identity"]),
    help="Whose sentences: the paper's own, our reading of it, our extension, or an identity.",
)
@click.option("--as-they-are", is_flag=True, help="List the verdicts that are there, and compute nothing.")
@run_options()
def command(
    run: Run, study: tuple[str, ...], verdict: tuple[str, ...], origin: tuple[str, ...], as_they_are: bool
) -> int:
    """Judge the papers' sentences and list the verdicts with their numbers.

    What the verdicts rest on is made first, as far as it is left to be made; figures are not drawn.
    """
    table = run.results / "claims/claims.csv"
    if not as_they_are and (status := watched(run, "--", str(table))):
        return status
    claims = read_claims(table)
    for column, wanted in (("study", study), ("verdict", verdict), ("origin", origin)):
        if wanted:
            claims = claims[claims[column].isin(wanted)]
    print("\n".join(claim_lines(claims)))
    return 0
