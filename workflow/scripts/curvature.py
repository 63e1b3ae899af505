from dropscape.curvature.stage import measure_run
from dropscape.jobs import job

name = f"{snakemake.wildcards.experiment}/{snakemake.wildcards.run}"

with job(f"curvature {name}", snakemake.log[0], snakemake.threads):
    measure_run(snakemake.params.settings, snakemake.input.model, snakemake.input.data, snakemake.output)
