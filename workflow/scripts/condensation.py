from dropscape.condensation.stage import condense_run
from dropscape.jobs import job

name = f"{snakemake.wildcards.experiment}/{snakemake.wildcards.run}"

with job(f"condensation {name}", snakemake.log[0], snakemake.threads):
    condense_run(name, snakemake.params.settings, snakemake.input.data, snakemake.input.snapshots, snakemake.output)
