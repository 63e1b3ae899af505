from dropscape.jobs import run
from dropscape.subnetworks.stage import train_two_layer

run(train_two_layer, snakemake)
