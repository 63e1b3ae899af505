"""The options of a run: those of make, and every key of the user's configuration, as ``--key``."""

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import click
from click.shell_completion import CompletionItem

from dropscape.commands.repository import enter, repository
from dropscape.commands.run import Run
from dropscape.config.entries import entries
from dropscape.config.load import read_studies
from dropscape.config.user import UserSettings
from dropscape.errors import DropscapeError

PLACES = ("CONFIG", "DIRECTORY")  # of the user's, wherever the command is given


def spelt(name: str) -> str:
    """An option as it is written, by its name in make: ``--gpu-slots`` for ``GPU_SLOTS``."""
    return f"--{name.lower().replace('_', '-')}"


def seeds(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    """The seeds 0, 1, ... for their number; a list in YAML is taken as it stands."""
    return str(list(range(int(value)))) if value and value.isdecimal() else value


def run_options(*without: str) -> Callable[[Callable[..., int | None]], Callable[..., int | None]]:
    """Give a function the ``Run`` that its options ask for, as its first argument, in the repository.

    Args:
        without: keys of the configuration that are no option of it.
    """

    def decorated(function: Callable[..., int | None]) -> Callable[..., int | None]:
        names = [
            "config",
            "profile",
            "cores",
            "gpus",
            "verbose",
            *(key for key in UserSettings.model_fields if key not in without),
        ]

        @functools.wraps(function)
        def command(**values: Any) -> int | None:
            given = {name.upper(): values.pop(name) for name in names}
            here, root = Path.cwd(), enter()
            for name in PLACES:
                if given.get(name) and here != root:
                    given[name] = str(here / Path(given[name]).expanduser())
            asked = {name: value for name, value in given.items() if value is not None}
            return function(Run(asked, spelt, root), **values)

        for option in reversed([*_of_run(), *(_of_key(key) for key in names if key in UserSettings.model_fields)]):
            command = option(command)
        return command

    return decorated


def _of_run() -> list[Callable[..., Any]]:
    return [
        click.option(
            "--config", type=click.Path(), metavar="FILE", help="A file that is laid over config/config.yaml."
        ),
        click.option("--profile", metavar="NAME", help="default, gpu, slurm, or a folder with the config.yaml of one."),
        click.option("--cores", metavar="N", help="Cores of this machine; all of them if it is left out."),
        click.option("--gpus", metavar="N", help="GPUs that its jobs share."),
        click.option("--verbose", is_flag=True, default=None, help="Show all that Snakemake and its jobs say."),
    ]


def _of_key(key: str) -> Callable[..., Any]:
    """An option for a key of the configuration; what it does is said where the key is defined."""
    field = UserSettings.model_fields[key]
    choices = get_args(field.annotation) if get_origin(field.annotation) is Literal else ()
    if key == "seeds":
        return click.option(
            "--seeds", metavar="N|LIST", callback=seeds, help="How many seeds, 0 first; or a list of them."
        )
    kind = click.Choice([str(choice) for choice in choices]) if choices else str
    metavars = {str: "TEXT", str | None: "TEXT", int: "N", float: "N", bool: "true|false"}
    metavar = None if choices else metavars.get(field.annotation, "YAML")
    return click.option(spelt(key), key, type=kind, metavar=metavar, help=field.description)


def figure_names(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The figures that begin so, by ``<study>-<figure>`` and without the study, for the shell's completion."""
    try:
        studies = read_studies(repository(Path.cwd()))
    except DropscapeError:
        return []
    named = [(study, name) for study, content in studies.items() for name in entries(content, ["figures"])]
    names = dict.fromkeys(one for study, name in named for one in (f"{study}-{name}", name))
    return [CompletionItem(name) for name in names if name.startswith(incomplete)]


targets = click.argument("targets", nargs=-1, metavar="[TARGET]...", shell_complete=figure_names)
