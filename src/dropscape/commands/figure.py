"""``dropscape figure``: one figure, with settings of the user's own."""

import hashlib
import json
from pathlib import Path

import click
import yaml

from dropscape.commands.options import figure_names, run_options
from dropscape.commands.run import Run, plan, watched
from dropscape.commands.several import SeveralValues
from dropscape.config.load import merged, merged_experiments, read_studies
from dropscape.config.selection import named_figure
from dropscape.dependencies import write_if_changed
from dropscape.errors import ConfigurationError
from dropscape.resolved.own_figure import Asked, figure_overrides

FOLDER = Path("custom")  # below the results


@click.command("figure", cls=SeveralValues)
@click.argument("name", metavar="FIGURE", shell_complete=figure_names)
@click.option("--keep", multiple=True, type=float, metavar="P...", help="Keep probabilities, such as 0.6 0.7.")
@click.option("--lr", multiple=True, type=float, metavar="RATE...", help="Learning rates.")
@click.option("--steps", type=click.IntRange(1), metavar="N", help="Steps of every training.")
@click.option("--dry-run", is_flag=True, help="Say what would be made and what it would cost.")
@run_options("figures", "experiments", "studies")
def command(
    run: Run, name: str, keep: tuple[float, ...], lr: tuple[float, ...], steps: int | None, dry_run: bool
) -> int:
    """Draw FIGURE, such as fig2d, or noise_structure-fig2d where two papers have one.

    Each run that it draws is made at every keep probability and learning rate that you give; what you do not give stays
    as the scale has it. With settings of your own the figure lies in a folder of its own, results/custom/FIGURE-DIGEST,
    beside the configuration that makes it, and names in its footer what is not the paper's.
    """
    figure = full_name(run, name)
    if own := own_configuration(run, figure, Asked(keep, lr, steps)):
        file, content = own
        run.workflow(**yaml.safe_load(content))  # what cannot work is said before anything is written
        write_if_changed(file, content)
        run = run.with_config(file)
        print(f"{file}:\n\n{content}", flush=True)
    if dry_run:
        return plan(run, [figure])
    status = watched(run, "--", figure)
    if status == 0:
        print("\n".join(["", *(f"{run.results}/figures/{figure}.{ending}" for ending in ("pdf", "svg", "png", "csv"))]))
    return status


def full_name(run: Run, name: str) -> str:
    """A figure as ``<study>-<figure>``; a ConfigurationError says that there is none, or that several are meant."""
    studies = {study: {"figures": content.figures} for study, content in run.workflow().studies.items()}
    return "-".join(named_figure(name, studies, read_studies(run.root)))


def own_configuration(run: Run, figure: str, asked: Asked) -> tuple[Path, str] | None:
    """The configuration that draws a figure with what is asked for, and its file below the results.

    None where nothing is asked for that is not the scale's.
    """
    if not asked.options and "seeds" not in run.keys:
        return None
    workflow = run.workflow(figures=[figure])
    if "seeds" in run.keys and not workflow.figures[figure].experiments:
        raise ConfigurationError(f"{figure} draws theory on small networks, which has no seeds: leave out --seeds.")
    overrides = figure_overrides(workflow, figure, asked, merged_experiments(workflow.user, run.root))
    keys = merged(run.written, {"overrides": overrides, "figures": [figure]})
    digest = hashlib.sha256(json.dumps(keys, sort_keys=True).encode()).hexdigest()[:8]
    folder = Path(run.user.results) / FOLDER / f"{figure}-{digest}"
    return folder / "config.yaml", yaml.safe_dump(keys | {"results": str(folder)}, sort_keys=False, allow_unicode=True)
