from dropscape.equations.stage import simulate_trajectories
from dropscape.jobs import run

run(simulate_trajectories, snakemake)
