from dropscape.jobs import run
from dropscape.noise.spectrum_stage import measure_spectrum

run(measure_spectrum, snakemake)
