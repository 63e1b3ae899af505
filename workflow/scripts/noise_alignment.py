from dropscape.jobs import job
from dropscape.noise.alignment_stage import alignment_run

name = f"{snakemake.wildcards.experiment}/{snakemake.wildcards.run}"

with job(f"noise_alignment {name}", snakemake.log[0], snakemake.threads, snakemake.resources.gpu):
    alignment_run(name, snakemake.params.settings, snakemake.input.snapshots, snakemake.input.data, snakemake.output)
