rule condensation:
    """Measure along training how a run's neurons point, and what a one-dimensional network computes."""
    input:
        data=WORKFLOW.dataset,
        snapshots=run_file("training", "snapshots.safetensors"),
    output:
        condensation=run_file("condensation", "condensation.csv"),
        neurons=run_file("condensation", "neurons.csv"),
        function=run_file("condensation", "function.csv"),
        similarity=run_file("condensation", "similarity.csv"),
        provenance=run_file("condensation", "provenance.json"),
    threads: USER.threads
    resources:
        **resources_of("condensation"),
    params:
        settings=settings_of("condensation"),
    script:
        "../scripts/condensation.py"
