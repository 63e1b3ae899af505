from dropscape.jobs import run
from dropscape.training.stage import train

run(train, snakemake)
