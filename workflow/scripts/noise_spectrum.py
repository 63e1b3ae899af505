from dropscape.jobs import job
from dropscape.noise.spectrum_stage import spectrum_run

name = f"{snakemake.wildcards.experiment}/{snakemake.wildcards.run}"
samples = {sample: path for sample, path in snakemake.input.items() if sample != "code"}

with job(f"noise_spectrum {name}", snakemake.log[0], snakemake.threads):
    spectrum_run(snakemake.params.settings, samples, snakemake.output)
