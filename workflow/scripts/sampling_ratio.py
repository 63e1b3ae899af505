from dropscape.jobs import run
from dropscape.sampling.ratio_stage import measure_ratio

run(measure_ratio, snakemake)
