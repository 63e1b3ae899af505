from dropscape.artifacts.files import join_tables
from dropscape.jobs import job

with job(f"subnetworks {snakemake.wildcards.experiment} accuracies", snakemake.log[0]):
    join_tables(snakemake.input.accuracies, snakemake.output.accuracies)
