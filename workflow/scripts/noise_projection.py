from dropscape.jobs import run
from dropscape.noise.projection_stage import project_samples

run(project_samples, snakemake)
