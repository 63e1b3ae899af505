"""A figure that is made from the tables that a test gives."""

from importlib import import_module

from dropscape.artifacts.files import read_json, read_table, write_json, write_table
from dropscape.discovery import subclasses
from dropscape.figures import style
from dropscape.figures.page import Page
from dropscape.figures.settings import FigureSettings
from dropscape.figures.stage import draw_table, make_table
from dropscape.jobs import Job

OUTPUTS = {
    "points": "figure.csv",
    "summary": "figure.summary.csv",
    "description": "figure.json",
    "pdf": "figure.pdf",
    "png": "figure.png",
    "svg": "figure.svg",
}


class Made:
    """A figure's table as it was written and read back, and its drawing.

    ``inputs`` are by table the frames of all experiments' runs in their order (None for a run without the table), of
    the experiments for a table that an experiment has once, or the one of theory.
    """

    def __init__(self, folder, kind, experiments, inputs, label="stand-in data", **options):
        self.folder, self.kind = folder, kind
        reference = "Paper B, Fig. 2"
        (settings,) = subclasses({kind: import_module(f"dropscape.figures.{kind}.options")}, FigureSettings)
        typed = settings(kind=kind, paper_reference=reference, **options)
        descriptions = [str(folder / f"{one['name']}.json") for one in experiments]
        for one, path in zip(experiments, descriptions, strict=True):
            write_json(path, {"label": f"{one['name']}, {label}", "dataset": one["name"]})
        figure = typed.options | {"kind": kind, "paper_reference": reference, "scale": "quick", "deviations": []}
        figure |= {"experiments": experiments, "tables": self._written(typed, experiments, inputs)}
        self.paths = {name: str(folder / file) for name, file in OUTPUTS.items()}
        make_table(Job("figures", "study-fig", figure, {"descriptions": descriptions}, self.paths))
        self.points, self.summary = (read_table(self.paths[name]) for name in ("points", "summary"))
        self.description = read_json(self.paths["description"])

    def _written(self, typed, experiments, inputs):
        files = {"runs": {one["name"]: {run: {} for run in one.get("runs", {})} for one in experiments}}
        files |= {"experiments": {one["name"]: {} for one in experiments}, "theory": {}}
        for table, frames in inputs.items():
            if table == typed.theory_table:
                places = [files["theory"]]
            elif table in typed.experiment_tables:
                places = list(files["experiments"].values())
            else:
                places = [run for runs in files["runs"].values() for run in runs.values()]
            for number, (place, frame) in enumerate(zip(places, frames, strict=True)):
                if frame is not None:
                    place[table] = str(self.folder / f"{table}-{number}.csv")
                    write_table(place[table], frame)
        return files

    def drawn(self, **changes):
        """The figure on its canvas; ``changes`` replace its points, summary or description."""
        draw = import_module(f"dropscape.figures.{self.kind}.drawing").draw
        shown = {name: changes.get(name, getattr(self, name)) for name in ("points", "summary", "description")}
        with style.applied():
            page = Page(shown.pop("description"))
            draw(**shown, page=page)
            page.figure.canvas.draw()
        return page.figure

    def saved(self):
        """The paths, after writing the drawing."""
        draw_table(Job("figures", "study-fig", {}, {}, self.paths))
        return self.paths


def footer(figure):
    """The words below a figure, in one line."""
    return " ".join(figure.texts[1].get_text().split())


def titles(figure):
    """The title of each panel, in one line."""
    return [" ".join(axes.get_title("left").split()) for axes in figure.axes]


def legends(figure):
    """The texts of each legend."""
    return [
        [text.get_text() for text in axes.get_legend().get_texts() if text.get_text().strip()]
        for axes in figure.axes
        if axes.get_legend()
    ]


def check_page(figure):
    """Nothing is off the page, and no legend, label or title lies on another, on the heading, the footer or a panel."""
    for shown in (*figure.texts, *figure.axes):
        box = shown.get_tightbbox() if shown in figure.axes else shown.get_window_extent()
        assert figure.bbox.x0 <= box.x0 and box.x1 <= figure.bbox.x1, shown
        assert figure.bbox.y0 <= box.y0 and box.y1 <= figure.bbox.y1, shown
    heading, below = (text.get_window_extent() for text in figure.texts)
    found = [axes.get_legend().get_window_extent() for axes in figure.axes if axes.get_legend()]
    for position, legend in enumerate(found):
        assert not legend.overlaps(below) and not legend.overlaps(heading)
        assert not any(legend.overlaps(axes.bbox) for axes in figure.axes)
        assert not any(legend.overlaps(other) for other in found[position + 1 :])
    numbers = [
        (axes, label.get_window_extent())
        for axes in figure.axes
        for label in axes.get_xticklabels(which="both")
        if label.get_text() and axes.viewLim.x0 <= label.get_position()[0] <= axes.viewLim.x1
    ]
    for axes, box in numbers:
        assert not any(box.overlaps(other) for beside, other in numbers if beside is not axes)
    panel_titles = []
    for axes in figure.axes:
        labels = axes.xaxis.label, axes.yaxis.label, axes.title, axes._left_title
        for label in (label for label in labels if label.get_text()):
            box = label.get_window_extent()
            assert not box.overlaps(below) and not box.overlaps(heading), label
            assert not any(box.overlaps(other.bbox) for other in figure.axes if other is not axes), label
            assert not any(box.overlaps(other) for other in panel_titles), label
            panel_titles += [box] if label is axes._left_title else []
