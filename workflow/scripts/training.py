from pathlib import Path

from dropscape.jobs import job
from dropscape.training.stage import train_run

name = f"{snakemake.wildcards.experiment}/{snakemake.wildcards.run}"

with job(f"training {name}", snakemake.log[0], snakemake.threads, snakemake.resources.gpu):
    train_run(
        name,
        snakemake.params.settings,
        snakemake.input.data,
        snakemake.output,
        code=[*snakemake.input.code, *snakemake.input.get("model_code", [])],
        states=str(Path(snakemake.output.model).parents[2] / ".states" / name),
        checkpoint_seconds=snakemake.resources.checkpoint_ms / 1000,
        start=snakemake.input.get("start") or None,
    )
