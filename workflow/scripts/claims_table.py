from dropscape.claims.stage import join_studies
from dropscape.jobs import run

run(join_studies, snakemake)
