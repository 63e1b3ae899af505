from dropscape.flatness.slices_stage import slice_run
from dropscape.jobs import job

name = f"{snakemake.wildcards.experiment}/{snakemake.wildcards.run}"

with job(f"flatness_slices {name}", snakemake.log[0], snakemake.threads):
    slice_run(name, snakemake.params.settings, snakemake.input.model, snakemake.input.data, snakemake.output)
