# Stage figures: first the table that is drawn, then the drawing, so that a change of style computes nothing.

from dropscape.report.papers import category


def figure_inputs(wildcards):
    """The tables of every run that a figure shows, in the order of the runs' names."""
    figure = FIGURES[wildcards.figure]
    experiment = EXPERIMENTS[figure.experiment]
    tables = {
        "variance_flatness": {"spectrum": "noise", "interval": "flatness"},
        "projected_variance": {"projection": "noise"},
        "alignment_trace": {"alignment": "noise"},
        "alignment_cosine": {"alignment": "noise", "baseline": "noise"},
    }[figure.kind]
    if not (
        experiment.gradients
        and experiment.alignment
        and experiment.alignment.baseline_samples
    ):
        tables = {name: stage for name, stage in tables.items() if name != "baseline"}
    return {
        name: [
            f"{RESULTS}/{stage}/{figure.experiment}/{run}/{name}.csv"
            for run in sorted(experiment.runs)
        ]
        for name, stage in tables.items()
    } | {"description": f"{RESULTS}/data/{experiment.data.dataset}.json"}


def figure_settings(wildcards):
    """What the figure shows and says; nothing of how its numbers were measured."""
    figure = FIGURES[wildcards.figure]
    experiment = EXPERIMENTS[figure.experiment]
    samples = {
        "trajectory": experiment.training.trajectory_steps,
        "gradients": experiment.gradients and experiment.gradients.samples,
        None: experiment.alignment and experiment.alignment.samples,
    }[figure.sample]
    settings = plain(figure) | {
        "scale": USER.scale,
        "seeds": experiment.seeds,
        "train_examples": experiment.data.train_examples,
        "samples": samples,
        "dropout": experiment.dropout,
        "runs": {
            name: {
                "keep_prob": run.keep_prob,
                "learning_rate": run.learning_rate,
                "dropout_after": run.dropout_after or experiment.dropout.dropout_after,
                "mask_mode": run.mask_mode or experiment.dropout.mask_mode,
            }
            for name, run in experiment.runs.items()
        },
    }
    if figure.kind == "variance_flatness":
        settings["factor"] = experiment.flatness.factors[0]
    return plain(settings)


def code_of_figure(script, half):
    """The script and the module of the figure's kind, which the script imports by name."""

    def code(wildcards):
        kind = FIGURES[wildcards.figure].kind
        imported_by_name = code_of(ROOT / f"src/dropscape/figures/{half}/{kind}.py")
        return list(dict.fromkeys(code_of(script) + imported_by_name))

    return code


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
    params:
        kind=lambda wildcards: FIGURES[wildcards.figure].kind,
        place=lambda wildcards: FIGURES[wildcards.figure].place,
    script:
        "../scripts/figures.py"


def collect_figures():
    """The drawing of every figure of the selected studies."""
    return [
        f"{RESULTS}/figures/{figure}.{ending}"
        for figure in FIGURES
        for ending in ("pdf", "png")
    ]
