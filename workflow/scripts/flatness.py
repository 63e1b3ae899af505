from dropscape.flatness.stage import measure_flatness
from dropscape.jobs import run

run(measure_flatness, snakemake)
