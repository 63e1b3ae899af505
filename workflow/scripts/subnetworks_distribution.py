from dropscape.jobs import job
from dropscape.subnetworks.description import describe

with job(f"subnetworks {snakemake.wildcards.experiment} distribution", snakemake.log[0], snakemake.threads):
    describe(snakemake.params.settings, snakemake.output.description)
