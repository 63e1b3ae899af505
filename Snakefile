# The workflow itself is workflow/Snakefile, where Snakemake's catalog expects it.
include: "workflow/Snakefile"


# An included rule is no default target.
rule everything:
    default_target: True
    input:
        rules.all.input,
