from dropscape.jobs import run
from dropscape.subnetworks.description import describe

run(describe, snakemake)
