"""The command ``dropscape`` itself: its help, and the modules of its subcommands, each loaded when it is asked for.

Loading them all would take seconds, as some read the configuration and some load torch.
"""

import sys
from collections.abc import Sequence
from importlib import import_module

import click

import dropscape
from dropscape.errors import ConfigurationError, DropscapeError, suggested

# What the help says of each. The subcommand ``gpu-check`` is ``command`` in the module ``commands.gpu_check``.
SECTIONS = {
    "Reproduce the papers, in the repository": {
        "reproduce": "Make every figure and verdict, or the targets that you name.",
        "plan": "Say what is left to be made and what it will cost.",
        "figure": "Draw one figure, with settings of your own if you give any.",
        "claims": "Judge the papers' sentences and list the verdicts.",
        "fetch": "Download and prepare all data, for machines without a network.",
        "report": "Make what is left, and the report.",
        "gpu-check": "Say whether this machine's GPU computes what the processor does.",
        "clean": "Delete the results of one scale.",
    },
    "Use results": {
        "compare": "Compare two results: verdicts, values, figures, settings, versions.",
        "export": "Copy figures with their tables and claims into a folder or a zip file.",
        "archive": "Write a run as one self-describing file for an archive (RO-Crate).",
    },
    "Measure your own model": {
        "hessian": "Print the largest eigenvalues of a block's Hessian.",
    },
}
SUMMARIES = {name: summary for section in SECTIONS.values() for name, summary in section.items()}


class Commands(click.Group):
    """Subcommands that are loaded when they are asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names, for help and completion."""
        return list(SUMMARIES)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Load a subcommand; a ConfigurationError says that a package which it needs is missing."""
        if cmd_name not in SUMMARIES:
            return None
        try:
            return import_module(f"dropscape.commands.{cmd_name.replace('-', '_')}").command
        except ModuleNotFoundError as error:
            if str(error.name).startswith("dropscape"):
                raise
            raise ConfigurationError(
                f"dropscape {cmd_name} needs the package '{error.name}', which is not installed: run make in a clone "
                "of the repository, which installs what it needs, or write pip install 'dropscape[workflow,figures]'."
            ) from None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Refuse an unknown subcommand with the nearest one."""
        if args[0] not in SUMMARIES and not args[0].startswith("-"):
            raise click.UsageError(f"There is no command '{args[0]}': write {suggested(args[0], SUMMARIES)}.", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the summaries, which loads no subcommand."""
        width = max(map(len, SUMMARIES))
        for title, commands in SECTIONS.items():
            with formatter.section(title):
                formatter.write_dl([(name.ljust(width), summary) for name, summary in commands.items()])


@click.command(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(dropscape.__version__, message="dropscape %(version)s")
def commands() -> None:
    """Four papers on dropout, reproduced figure by figure, and their measurements for your own model.

    dropscape COMMAND --help says what a command takes.
    """


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a subcommand and return its exit status; what cannot work is said in one sentence."""
    try:
        return commands.main(arguments, prog_name="dropscape", standalone_mode=False) or 0
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message())
        return 0
    except click.ClickException as error:
        print(f"dropscape: {error.format_message()}", file=sys.stderr)
        return error.exit_code
    except click.Abort:
        return 130
    except DropscapeError as error:
        print(f"dropscape: {error}", file=sys.stderr)
        return 1
