# Stage report: the first page of Snakemake's report, which `snakemake --report` then makes from everything.


rule report:
    input:
        claims=report(
            f"{RESULTS}/claims/claims.csv",
            caption="../report/claims.rst",
            category="Claims",
            labels={"table": "claims"},
        ),
        by_run=report(
            f"{RESULTS}/claims/by_run.csv",
            caption="../report/claims_by_run.rst",
            category="Claims",
            labels={"table": "claims by run"},
        ),
        code=code_of("report.py"),
    output:
        page=f"{RESULTS}/report/first_page.html",
        provenance=f"{RESULTS}/report/provenance.json",
    log:
        f"{RESULTS}/logs/report/first_page.log",
    benchmark:
        f"{RESULTS}/benchmarks/report/first_page.tsv"
    group:
        lambda wildcards: shared("claims")
    conda:
        "../../envs/environment.yaml"
    params:
        settings=plain(
            {
                "figures": {
                    name: {
                        "place": figure.place,
                        "path": f"{RESULTS}/figures/{name}.png",
                    }
                    for name, figure in FIGURES.items()
                }
            }
        ),
    script:
        "../scripts/report.py"
