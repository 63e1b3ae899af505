from dropscape.jobs import job
from dropscape.noise.baseline_stage import baseline_run

name = f"{snakemake.wildcards.experiment}/{snakemake.wildcards.run}"

with job(f"noise_baseline {name}", snakemake.log[0], snakemake.threads):
    baseline_run(snakemake.params.settings, snakemake.input.hessian, snakemake.input.spectrum, snakemake.output)
