# Stage figures: first the table that is drawn, then the drawing, so that a change of style computes nothing.


rule figures_table:
    input:
        unpack(figure_inputs),
        code=code_of_figure("figures_table.py", "tables"),
    output:
        points=f"{RESULTS}/figures/{{figure}}.csv",
        summary=f"{RESULTS}/figures/{{figure}}.summary.csv",
        description=f"{RESULTS}/figures/{{figure}}.json",
    log:
        f"{RESULTS}/logs/figures/{{figure}}-table.log",
    benchmark:
        f"{RESULTS}/benchmarks/figures/{{figure}}-table.tsv"
    group:
        lambda wildcards: shared("figures")
    conda:
        "../../envs/environment.yaml"
    params:
        settings=figure_settings,
    script:
        "../scripts/figures_table.py"


rule figures:
    input:
        points=f"{RESULTS}/figures/{{figure}}.csv",
        summary=f"{RESULTS}/figures/{{figure}}.summary.csv",
        description=f"{RESULTS}/figures/{{figure}}.json",
        code=code_of_figure("figures.py", "draw"),
    output:
        pdf=f"{RESULTS}/figures/{{figure}}.pdf",
        png=report(
            f"{RESULTS}/figures/{{figure}}.png",
            caption="../report/figures.rst",
            category=lambda wildcards: category(STUDY_OF_FIGURE[wildcards.figure]),
            subcategory="Figures",
            labels=lambda wildcards: {
                "figure": wildcards.figure,
                "shows": FIGURES[wildcards.figure].kind.replace("_", " "),
                "place": FIGURES[wildcards.figure].place,
            },
        ),
    log:
        f"{RESULTS}/logs/figures/{{figure}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/figures/{{figure}}.tsv"
    group:
        lambda wildcards: shared("figures")
    conda:
        "../../envs/environment.yaml"
    params:
        kind=lambda wildcards: FIGURES[wildcards.figure].kind,
        place=lambda wildcards: FIGURES[wildcards.figure].place,
    script:
        "../scripts/figures.py"
