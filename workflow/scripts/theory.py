from dropscape.jobs import job
from dropscape.theory.stage import study_run

with job(f"theory {snakemake.wildcards.study}", snakemake.log[0], snakemake.threads):
    study_run(snakemake.params.settings, snakemake.output)
