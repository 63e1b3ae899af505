from dropscape.jobs import run
from dropscape.report.page.stage import write_report

run(write_report, snakemake)
