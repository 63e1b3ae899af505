from dropscape.jobs import run
from dropscape.theory.stage import make_table

run(make_table, snakemake)
