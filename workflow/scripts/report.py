from dropscape.jobs import run
from dropscape.report.first_page import write_first_page

run(write_first_page, snakemake)
