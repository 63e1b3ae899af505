"""Where the repository is: the workflow and its configuration are not part of the installed package."""

import os
from pathlib import Path

from dropscape.errors import ConfigurationError


def repository(start: Path) -> Path:
    """The first of a folder and those above it that is a clone of the repository.

    Raises:
        ConfigurationError: none is.
    """
    for folder in (start, *start.parents):
        if (folder / "workflow/Snakefile").is_file() and (folder / "src/dropscape").is_dir():
            return folder
    raise ConfigurationError(
        "the workflow and its configuration are not part of the installed package, and neither "
        f"{start} nor a folder above it is a clone of the repository: clone it and run the command there."
    )


def enter() -> Path:
    """Go to the repository that the working directory lies in, where Snakemake runs, and return it."""
    root = repository(Path.cwd())
    os.chdir(root)
    return root
