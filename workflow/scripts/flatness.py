from dropscape.flatness.stage import measure_run
from dropscape.jobs import job

name = f"{snakemake.wildcards.experiment}/{snakemake.wildcards.run}"

with job(f"flatness {name}", snakemake.log[0], snakemake.threads):
    measure_run(
        name,
        snakemake.params.settings,
        snakemake.input.model,
        snakemake.input.data,
        snakemake.input.directions,
        snakemake.input.hessian,
        snakemake.output,
    )
