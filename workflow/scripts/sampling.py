from dropscape.jobs import job
from dropscape.sampling.stage import sample_run

name = f"{snakemake.wildcards.experiment}/{snakemake.wildcards.run}"

with job(f"sampling {name}", snakemake.log[0], snakemake.threads, snakemake.resources.gpu):
    sample_run(name, snakemake.params.settings, snakemake.input.model, snakemake.input.data, snakemake.output)
