# Stage claims: every sentence of the papers that is judged, from tables only.

CLAIMS = {
    name: claim for name, claim in SETTINGS.claims.items() if claim.study in STUDIES
}
# The experiment whose runs a claim is about; theory's claims have none.
EXPERIMENT_OF_CLAIM = {
    name: FIGURES[f"{claim.study}-{claim.figure}"].experiment if claim.figure else None
    for name, claim in CLAIMS.items()
}
CLAIMED_RUNS = [
    (experiment, run)
    for experiment, run in RUNS
    if experiment in EXPERIMENT_OF_CLAIM.values()
]
CLAIMED_THEORY = sorted({claim.study for claim in CLAIMS.values() if not claim.figure})


def tables_of_run(experiment, run):
    """File of each table that a run has, by its kind."""
    settings = EXPERIMENTS[experiment]
    files = {}
    if settings.alignment:
        files["alignment"] = "noise"
    if settings.flatness:
        files |= {"interval": "flatness", "spectrum": "noise"}
    if settings.gradients:
        files["projection"] = "noise"
        if settings.alignment and settings.alignment.baseline_samples:
            files["baseline"] = "noise"
    return {
        kind: f"{RESULTS}/{stage}/{experiment}/{run}/{kind}.csv"
        for kind, stage in files.items()
    }


def is_main(experiment, run):
    """Whether the run has the experiment's own dropout layer and mask mode."""
    settings = EXPERIMENTS[experiment]
    own = settings.runs[run]
    return (
        own.dropout_after in (None, settings.dropout.dropout_after)
    ) and own.mask_mode in (None, settings.dropout.mask_mode)


def claimed_tables():
    """Paths of all tables by kind, in the order of the runs."""
    files = {}
    for experiment, run in CLAIMED_RUNS:
        for kind, path in tables_of_run(experiment, run).items():
            files.setdefault(kind, []).append(path)
    files["theory"] = [f"{RESULTS}/theory/{study}.csv" for study in CLAIMED_THEORY]
    return files


rule claims:
    input:
        **claimed_tables(),
        descriptions=sorted(
            {
                f"{RESULTS}/data/{EXPERIMENTS[experiment].data.dataset}.json"
                for experiment, _ in CLAIMED_RUNS
            }
        ),
        code=code_of("claims.py"),
    output:
        claims=f"{RESULTS}/claims/claims.csv",
        by_run=f"{RESULTS}/claims/by_run.csv",
        provenance=f"{RESULTS}/claims/provenance.json",
    log:
        f"{RESULTS}/logs/claims/claims.log",
    benchmark:
        f"{RESULTS}/benchmarks/claims/claims.tsv"
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
                "theory_studies": CLAIMED_THEORY,
                "scale": USER.scale,
                "runs": [
                    {
                        "experiment": experiment,
                        "name": run,
                        "main": is_main(experiment, run),
                        "kinds": sorted(tables_of_run(experiment, run)),
                    }
                    for experiment, run in CLAIMED_RUNS
                ],
            }
        ),
    script:
        "../scripts/claims.py"
