rule report:
    """Write one page with every figure and every claim."""
    input:
        claims=f"{RESULTS}/claims/claims.csv",
        by_run=f"{RESULTS}/claims/by_run.csv",
        figures=WORKFLOW.report_files(),
    output:
        page=f"{RESULTS}/report/report.html",
        provenance=f"{RESULTS}/report/provenance.json",
    params:
        settings=settings_of("report"),
    script:
        "../scripts/report.py"
