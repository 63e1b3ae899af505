# Stage theory: what the papers prove, on random or explicit small networks.


rule theory:
    input:
        code=lambda wildcards: code_of("theory.py", f"theory.tables.{wildcards.table}"),
    output:
        table=f"{RESULTS}/theory/{{study}}/{{table}}.csv",
        provenance=f"{RESULTS}/theory/{{study}}/{{table}}.provenance.json",
    log:
        f"{RESULTS}/logs/theory/{{study}}/{{table}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/theory/{{study}}/{{table}}.tsv"
    group:
        group_of("theory")
    conda:
        "../../envs/environment.yaml"
    threads: USER.threads
    resources:
        **asks_of("theory"),
    params:
        settings=lambda wildcards: plain(
            getattr(STUDIES[wildcards.study].theory, wildcards.table)
        ),
    script:
        "../scripts/theory.py"
