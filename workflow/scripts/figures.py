from dropscape.figures.drawing_stage import draw_figure
from dropscape.jobs import run

run(draw_figure, snakemake)
