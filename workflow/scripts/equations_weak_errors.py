from dropscape.equations.weak_errors_stage import measure_weak_errors
from dropscape.jobs import run

run(measure_weak_errors, snakemake)
