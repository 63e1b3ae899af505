rule theory:
    """Check what the papers prove on random or explicit small networks."""
    output:
        table=PATHS.theory("{study}", "{table}"),
        provenance=f"{RESULTS}/theory/{{study}}/{{table}}.provenance.json",
    threads: USER.threads
    resources:
        **resources_of("theory"),
    params:
        settings=settings_of("theory"),
    script:
        "../scripts/theory.py"
