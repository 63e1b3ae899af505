from dropscape.curvature.sharpness import measure_sharpness
from dropscape.jobs import run

run(measure_sharpness, snakemake)
