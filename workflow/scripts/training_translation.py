from dropscape.jobs import run
from dropscape.training.translation_stage import translate

run(translate, snakemake)
