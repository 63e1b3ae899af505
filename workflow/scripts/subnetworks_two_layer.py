from pathlib import Path

from dropscape.jobs import job
from dropscape.subnetworks.stage import train_two_layer

name = snakemake.wildcards.experiment

with job(f"subnetworks {name}", snakemake.log[0], snakemake.threads):
    train_two_layer(
        name,
        snakemake.params.settings,
        snakemake.input.get("data") or None,
        snakemake.output,
        code=snakemake.input.code,
        states=str(Path(snakemake.output.errors).parents[1] / ".states" / name),
        checkpoint_seconds=snakemake.resources.checkpoint_ms / 1000,
    )
