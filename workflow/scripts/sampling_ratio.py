from dropscape.jobs import job
from dropscape.sampling.ratio_stage import ratio_run

name = f"{snakemake.wildcards.experiment}/{snakemake.wildcards.run}"

with job(f"sampling_ratio {name}", snakemake.log[0], snakemake.threads, snakemake.resources.gpu):
    ratio_run(name, snakemake.params.settings, snakemake.input.model, snakemake.input.data, snakemake.output)
