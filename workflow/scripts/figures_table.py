from dropscape.figures.table_stage import make_table
from dropscape.jobs import run

run(make_table, snakemake)
