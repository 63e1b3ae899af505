rule figures:
    """Compute the table of a figure and draw it."""
    input:
        tables=lambda wildcards: WORKFLOW.figure_tables(wildcards.figure),
        descriptions=lambda wildcards: WORKFLOW.figure_descriptions(wildcards.figure),
    output:
        points=PATHS.figure("{figure}", "csv"),
        summary=PATHS.figure("{figure}", "summary.csv"),
        description=PATHS.figure("{figure}", "json"),
        pdf=PATHS.figure("{figure}", "pdf"),
        svg=PATHS.figure("{figure}", "svg"),
        png=report(
            PATHS.figure("{figure}", "png"),
            caption="../report/figures.rst",
            category=lambda wildcards: WORKFLOW.report_category(wildcards.figure),
            subcategory="Figures",
            labels=lambda wildcards: WORKFLOW.report_labels(wildcards.figure),
        ),
    params:
        settings=settings_of("figures"),
    script:
        "../scripts/figures.py"
