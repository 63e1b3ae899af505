from dropscape.data.stage import prepare
from dropscape.jobs import job

with job(f"data {snakemake.wildcards.dataset}", snakemake.log[0]):
    prepare(snakemake.wildcards.dataset, snakemake.params.settings, snakemake.output)
