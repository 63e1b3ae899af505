from dropscape.jobs import run
from dropscape.sampling.ratio import measure_ratio

run(measure_ratio, snakemake)
