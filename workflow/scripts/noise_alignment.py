from dropscape.jobs import run
from dropscape.noise.alignment_stage import measure_alignment

run(measure_alignment, snakemake)
