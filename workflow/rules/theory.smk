# Stage theory: closed forms against enumeration of every mask, on small random networks.


rule theory:
    input:
        code=code_of("theory.py"),
    output:
        table=f"{RESULTS}/theory/{{study}}.csv",
        provenance=f"{RESULTS}/theory/{{study}}.provenance.json",
    log:
        f"{RESULTS}/logs/theory/{{study}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/theory/{{study}}.tsv"
    conda:
        "../../envs/environment.yaml"
    threads: USER.threads
    params:
        settings=lambda wildcards: plain(STUDIES[wildcards.study].theory),
    script:
        "../scripts/theory.py"
