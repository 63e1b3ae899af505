# Stage report: the first page of Snakemake's report, which `snakemake --report` then makes from everything.


rule report:
    input:
        claims=f"{RESULTS}/claims/claims.csv",
    output:
        page=f"{RESULTS}/report/first_page.html",
        provenance=f"{RESULTS}/report/provenance.json",
    params:
        settings=settings_of("report"),
    script:
        "../scripts/report.py"
