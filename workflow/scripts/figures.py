from dropscape.figures.draw.stage import draw_run
from dropscape.jobs import job

with job(f"figures {snakemake.wildcards.figure}", snakemake.log[0]):
    draw_run(snakemake.input.points, snakemake.input.summary, snakemake.input.description, snakemake.output)
