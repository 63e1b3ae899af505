"""``dropscape fetch``."""

import sys
from pathlib import Path

import click

from dropscape.artifacts.files import read_json
from dropscape.commands.options import run_options
from dropscape.commands.run import Run, watched


@click.command("fetch")
@run_options()
def command(run: Run) -> int:
    """Download and prepare every dataset of a configuration, so that what follows needs no network.

    Give the options of the later run, such as --scale paper --source official. Downloads are verified and kept in the
    folder of --download-cache, prepared datasets in the results.
    """
    workflow = run.workflow()
    prepared = {name: Path(workflow.paths.dataset(name, "safetensors")) for name in sorted(workflow.datasets)}
    if not prepared:
        print("The configuration reads no dataset.")
        return 0
    status = watched(run, "--keep-going", "--", *map(str, prepared.values()))
    for name, file in prepared.items():
        log = run.results / f"logs/data/{name}.log"
        if file.is_file():
            label = read_json(file.with_suffix(".json"))["label"]
            print(f"{name}: {label} ({file}, {file.stat().st_size / 1e6:.1f} MB)")
        elif log.is_file():  # once more, below what Snakemake says
            print(log.read_text(encoding="utf-8").strip().rpartition("\n")[2], file=sys.stderr)
    return status
