rule claims:
    """Judge a study's claims on tables alone."""
    input:
        tables=lambda wildcards: WORKFLOW.claim_tables(wildcards.study),
        descriptions=lambda wildcards: WORKFLOW.claim_descriptions(wildcards.study),
    output:
        claims=f"{RESULTS}/claims/{{study}}.csv",
        by_run=f"{RESULTS}/claims/{{study}}.by_run.csv",
        provenance=f"{RESULTS}/claims/{{study}}.provenance.json",
    params:
        settings=settings_of("claims"),
    script:
        "../scripts/claims.py"


rule claims_table:
    """Join the claims of all studies."""
    input:
        claims=expand(f"{RESULTS}/claims/{{study}}.csv", study=WORKFLOW.studies),
        by_run=expand(f"{RESULTS}/claims/{{study}}.by_run.csv", study=WORKFLOW.studies),
    output:
        claims=report(
            f"{RESULTS}/claims/claims.csv",
            caption="../report/claims.rst",
            category="Claims",
            labels={"result": "claims"},
        ),
        by_run=f"{RESULTS}/claims/by_run.csv",
    params:
        settings=settings_of("claims_table"),
    script:
        "../scripts/claims_table.py"
