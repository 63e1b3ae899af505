from dropscape.jobs import job
from dropscape.report.stage import write_first_page

with job("report", snakemake.log[0]):
    write_first_page(snakemake.params.settings, snakemake.input.claims, snakemake.output)
