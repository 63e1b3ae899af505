from dropscape.curvature.stage import measure_hessian
from dropscape.jobs import run

run(measure_hessian, snakemake)
