from dropscape.jobs import run
from dropscape.noise.baseline_stage import draw_baseline

run(draw_baseline, snakemake)
