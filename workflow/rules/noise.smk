rule noise_spectrum:
    """Take the principal directions of a run's samples."""
    input:
        unpack(WORKFLOW.samples),
    output:
        spectrum=run_file("noise", "spectrum.csv"),
        drift=run_file("noise", "drift.csv"),
        directions=run_file("noise", "directions.safetensors"),
        provenance=run_file("noise", "spectrum.provenance.json"),
    threads: USER.threads
    resources:
        **resources_of("noise_spectrum"),
    params:
        settings=settings_of("noise_spectrum"),
    script:
        "../scripts/noise_spectrum.py"


rule noise_projection:
    """Project a run's samples on the Hessian's eigenvectors."""
    input:
        unpack(WORKFLOW.samples),
        hessian=run_file("curvature", "hessian.safetensors"),
    output:
        projection=run_file("noise", "projection.csv"),
        projection_drift=run_file("noise", "projection_drift.csv"),
        provenance=run_file("noise", "projection.provenance.json"),
    threads: USER.threads
    resources:
        **resources_of("noise_projection"),
    params:
        settings=settings_of("noise_projection"),
    script:
        "../scripts/noise_projection.py"


rule noise_alignment:
    """Measure along training how the covariance of dropout's gradient aligns with the Hessian."""
    input:
        snapshots=run_file("training", "snapshots.safetensors"),
        data=WORKFLOW.dataset,
    output:
        alignment=run_file("noise", "alignment.csv"),
        provenance=run_file("noise", "alignment.provenance.json"),
    threads: USER.threads
    resources:
        **resources_of("noise_alignment"),
    params:
        settings=settings_of("noise_alignment"),
    script:
        "../scripts/noise_alignment.py"


rule noise_baseline:
    """Align random matrices with the same spectra."""
    input:
        hessian=run_file("curvature", "hessian.safetensors"),
        spectrum=run_file("noise", "spectrum.csv"),
    output:
        baseline=run_file("noise", "baseline.csv"),
        provenance=run_file("noise", "baseline.provenance.json"),
    threads: USER.threads
    resources:
        **resources_of("noise_baseline"),
    params:
        settings=settings_of("noise_baseline"),
    script:
        "../scripts/noise_baseline.py"
