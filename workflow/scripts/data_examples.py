from dropscape.data.examples_stage import write_examples
from dropscape.jobs import job

name = f"{snakemake.wildcards.experiment}/{snakemake.wildcards.run}"

with job(f"data_examples {name}", snakemake.log[0]):
    write_examples(snakemake.params.settings, snakemake.input.data, snakemake.output)
