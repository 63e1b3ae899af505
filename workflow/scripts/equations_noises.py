from pathlib import Path

from dropscape.equations.noises_stage import measure_noises
from dropscape.jobs import job

name = snakemake.wildcards.experiment

with job(f"equations_noises {name}", snakemake.log[0], snakemake.threads, snakemake.resources.gpu):
    measure_noises(
        name,
        snakemake.params.settings,
        snakemake.input.data,
        snakemake.output,
        code=list(snakemake.input.code),
        states=str(Path(snakemake.output.noises).parents[1] / ".states" / name / "noises"),
        checkpoint_seconds=snakemake.resources.checkpoint_ms / 1000,
    )
