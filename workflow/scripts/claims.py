from dropscape.claims.stage import judge_study
from dropscape.jobs import run

run(judge_study, snakemake)
