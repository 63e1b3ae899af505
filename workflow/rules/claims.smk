# Stage claims: every sentence of the papers that is judged, from tables only.


rule claims:
    input:
        **claimed_tables(),
        descriptions=sorted(set(DESCRIPTION_OF_CLAIMED.values())),
        code=code_of("claims.py"),
    output:
        claims=f"{RESULTS}/claims/claims.csv",
        by_run=f"{RESULTS}/claims/by_run.csv",
        provenance=f"{RESULTS}/claims/provenance.json",
    log:
        f"{RESULTS}/logs/claims/claims.log",
    benchmark:
        f"{RESULTS}/benchmarks/claims/claims.tsv"
    group:
        lambda wildcards: shared("claims")
    conda:
        "../../envs/environment.yaml"
    params:
        settings=plain(
            {
                # A list, to keep the order of config/claims.yaml.
                "claims": [
                    {"name": name}
                    | claim.model_dump(mode="json")
                    | {"expected": claim.expected.model_dump(exclude_none=True)}
                    for name, claim in CLAIMS.items()
                ],
                "experiments": EXPERIMENT_OF_CLAIM,
                "descriptions": DESCRIPTION_OF_CLAIMED,
                "theory_tables": CLAIMED_THEORY,
                "scale": USER.scale,
                "runs": [
                    run_of_claim(experiment, run) for experiment, run in CLAIMED_RUNS
                ],
                "whole_tables": CLAIMED_WHOLE,
            }
        ),
    script:
        "../scripts/claims.py"
