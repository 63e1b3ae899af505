from dropscape.jobs import run
from dropscape.subnetworks.accuracies_stage import join_widths

run(join_widths, snakemake)
