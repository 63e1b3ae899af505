from dropscape.jobs import run
from dropscape.training.translation import translate

run(translate, snakemake)
