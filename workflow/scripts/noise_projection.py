from dropscape.jobs import job
from dropscape.noise.projection_stage import projection_run

name = f"{snakemake.wildcards.experiment}/{snakemake.wildcards.run}"
samples = {sample: path for sample, path in snakemake.input.items() if sample not in ("code", "hessian")}

with job(f"noise_projection {name}", snakemake.log[0], snakemake.threads):
    projection_run(snakemake.params.settings, samples, snakemake.input.hessian, snakemake.output)
