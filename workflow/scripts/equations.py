from pathlib import Path

from dropscape.equations.stage import simulate_experiment
from dropscape.jobs import job

name = snakemake.wildcards.experiment

with job(f"equations {name}", snakemake.log[0], snakemake.threads, snakemake.resources.gpu):
    simulate_experiment(
        name,
        snakemake.params.settings,
        snakemake.input.data,
        snakemake.output,
        code=list(snakemake.input.code),
        states=str(Path(snakemake.output.trajectories).parents[1] / ".states" / name / "trajectories"),
        checkpoint_seconds=snakemake.resources.checkpoint_ms / 1000,
    )
