from dropscape.jobs import job
from dropscape.theory.stage import table_run

study, table = snakemake.wildcards.study, snakemake.wildcards.table
with job(f"theory {study}/{table}", snakemake.log[0], snakemake.threads):
    table_run(table, snakemake.params.settings, snakemake.output)
