from dropscape.data.stage import prepare
from dropscape.jobs import run

run(prepare, snakemake)
