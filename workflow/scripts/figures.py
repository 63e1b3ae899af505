from dropscape.figures.stage import make_figure
from dropscape.jobs import run

run(make_figure, snakemake)
