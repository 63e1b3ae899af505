from dropscape.equations.noises_stage import measure_noises
from dropscape.jobs import run

run(measure_noises, snakemake)
