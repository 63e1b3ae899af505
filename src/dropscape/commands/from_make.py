"""What the Makefile's targets do: ``python -m dropscape.commands.from_make reproduce SCALE SEEDS``.

The arguments after the target are names of variables that were given to make, whose values stand in the environment:
options of the run (``OPTIONS``), or keys of the configuration in capitals.
"""

import os
import sys
from collections.abc import Sequence

from dropscape.commands.run import OPTIONS, Run, clean, plan, reproduce
from dropscape.errors import DropscapeError

OF_MAKE = ("PYTHON", "MAKEFLAGS", "MAKE", "SHELL")  # variables that make itself reads


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a target; what cannot work is said in one sentence."""
    target, *names = sys.argv[1:] if arguments is None else arguments
    targets = {"reproduce": reproduce, "report": reproduce, "plan": plan, "clean": clean}
    try:
        return targets[target](Run(given(names)))
    except DropscapeError as error:
        print(f"dropscape: {error}", file=sys.stderr)
        return 1


def given(names: Sequence[str]) -> dict[str, str]:
    """The values of the variables; those that stand in the environment alone are named, as they are not used."""
    values = {name: os.environ[name] for name in names if name not in OF_MAKE}
    if ignored := [name for name in ("SCALE", "SOURCE", *OPTIONS) if name in os.environ and name not in values]:
        print(f"dropscape: {', '.join(ignored)} in the environment is not used: write it after make.", file=sys.stderr)
    return values


if __name__ == "__main__":
    sys.exit(main())
