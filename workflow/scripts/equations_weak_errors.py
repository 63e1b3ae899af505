from pathlib import Path

from dropscape.equations.weak_errors_stage import measure_weak_errors
from dropscape.jobs import job

name = snakemake.wildcards.experiment

with job(f"equations_weak_errors {name}", snakemake.log[0], snakemake.threads, snakemake.resources.gpu):
    measure_weak_errors(
        name,
        snakemake.params.settings,
        snakemake.input.data,
        snakemake.output,
        code=list(snakemake.input.code),
        states=str(Path(snakemake.output.weak_errors).parents[1] / ".states" / name / "weak_errors"),
        checkpoint_seconds=snakemake.resources.checkpoint_ms / 1000,
    )
