from dropscape.flatness.interpolation_stage import interpolate
from dropscape.jobs import run

run(interpolate, snakemake)
