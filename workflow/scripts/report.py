from dropscape.jobs import run
from dropscape.report.stage import write_first_page

run(write_first_page, snakemake)
