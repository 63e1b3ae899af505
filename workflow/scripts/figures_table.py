from dropscape.figures.tables.stage import table_run
from dropscape.jobs import job

tables = {name: paths for name, paths in snakemake.input.items() if name not in ("code", "descriptions")}
tables = {name: [paths] if isinstance(paths, str) else list(paths) for name, paths in tables.items()}

with job(f"figures_table {snakemake.wildcards.figure}", snakemake.log[0]):
    table_run(snakemake.params.settings, snakemake.input.get("descriptions", []), tables, snakemake.output)
