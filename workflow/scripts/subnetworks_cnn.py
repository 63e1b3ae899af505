from dropscape.jobs import run
from dropscape.subnetworks.cnn_stage import train_cnn

run(train_cnn, snakemake)
