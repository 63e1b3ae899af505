from dropscape.claims.stage import judge_all
from dropscape.jobs import job

files = {kind: list(paths) for kind, paths in snakemake.input.items() if kind not in ("code", "descriptions")}

with job("claims", snakemake.log[0], snakemake.threads):
    judge_all(snakemake.params.settings, files, snakemake.output)
