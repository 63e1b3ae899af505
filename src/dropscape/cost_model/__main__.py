"""What a run will cost: ``snakemake --dry-run ... | python -m dropscape.cost_model``; ``make plan`` does it.

With ``--check`` the forecasts are compared with the benchmark files of jobs that have run, of which
``snakemake --dry-run --forceall`` lists all.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import yaml

from dropscape.config.load import load_settings, user_keys
from dropscape.cost_model.forecast import forecasts
from dropscape.cost_model.jobs import jobs_in
from dropscape.cost_model.page import comparison, page
from dropscape.errors import ConfigurationError
from dropscape.resolved.workflow import Workflow


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the forecast, or the comparison; 1 if the configuration is wrong or the dry run listed nothing."""
    parser = argparse.ArgumentParser(prog="python -m dropscape.cost_model", description=__doc__)
    parser.add_argument("--configfile", type=Path, nargs="*", default=[], help="as given to snakemake")
    parser.add_argument("--config", nargs="*", default=[], metavar="KEY=VALUE", help="as given to snakemake")
    parser.add_argument("--cores", default="all", help="as given to snakemake")
    parser.add_argument("--gpus", type=int, default=0, help="how many GPUs there are")
    parser.add_argument("--check", action="store_true", help="compare with what benchmark files recorded")
    options = parser.parse_args(arguments)
    text = sys.stdin.read()
    try:
        keys = {key: yaml.safe_load(value) for key, _, value in (pair.partition("=") for pair in options.config)}
        workflow = Workflow(load_settings(user_keys(options.configfile, keys, Path()), Path()))
    except ConfigurationError as error:
        print(f"dropscape: {error}", file=sys.stderr)
        return 1
    table = forecasts(jobs_in(text), workflow)
    if table.empty:
        done = "Nothing to be done" in text
        print("There is nothing left to be made." if done else text, file=sys.stdout if done else sys.stderr)
        return not done
    print(comparison(table) if options.check else page(table, workflow, options.cores, options.gpus))
    return 0


if __name__ == "__main__":
    sys.exit(main())
