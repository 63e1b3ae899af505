from dropscape.flatness.interpolation_stage import interpolate_experiment
from dropscape.jobs import job

name = snakemake.wildcards.experiment
settings = snakemake.params.settings
models = dict(zip(snakemake.params.runs, snakemake.input.models, strict=True))

with job(f"flatness_interpolations {name}", snakemake.log[0], snakemake.threads):
    interpolate_experiment(name, settings, models, snakemake.input.data, snakemake.output)
