from dropscape.jobs import job
from dropscape.training.translation_stage import translate_run

name = f"{snakemake.wildcards.experiment}/{snakemake.wildcards.run}"

with job(f"training_translation {name}", snakemake.log[0], snakemake.threads):
    translate_run(snakemake.params.settings, snakemake.input.model, snakemake.input.data, snakemake.output)
