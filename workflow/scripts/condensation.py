from dropscape.condensation.stage import measure_condensation
from dropscape.jobs import run

run(measure_condensation, snakemake)
