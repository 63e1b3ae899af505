from pathlib import Path

from dropscape.jobs import job
from dropscape.subnetworks.cnn_stage import train_cnn

name = f"{snakemake.wildcards.experiment}/width{snakemake.wildcards.width}"

with job(f"subnetworks {name}", snakemake.log[0], snakemake.threads, snakemake.resources.gpu):
    train_cnn(
        name,
        snakemake.params.settings,
        snakemake.input.data,
        snakemake.output,
        code=snakemake.input.code,
        states=str(Path(snakemake.output.accuracies).parents[1] / ".states" / name),
        checkpoint_seconds=snakemake.resources.checkpoint_ms / 1000,
    )
