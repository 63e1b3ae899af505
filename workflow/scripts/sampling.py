from dropscape.jobs import run
from dropscape.sampling.stage import sample_gradients

run(sample_gradients, snakemake)
