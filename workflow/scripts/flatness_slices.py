from dropscape.flatness.slices_stage import slice_loss
from dropscape.jobs import run

run(slice_loss, snakemake)
