"""Figures of trainings on different objectives, from tables that a test gives."""

from importlib import import_module

from dropscape.artifacts.files import read_json, read_table, write_json, write_table
from dropscape.figures import style
from dropscape.figures.draw.stage import draw_run
from dropscape.figures.tables.stage import table_run
from tests.figures.conftest import OUTPUTS


def run(objective="dropout", keep_prob=0.8, learning_rate=0.01, **more):
    """A run's settings as a figure is given them."""
    settings = {"objective": objective, "keep_prob": keep_prob, "learning_rate": learning_rate, "penalty": None}
    return settings | {"start": None, "initial_scale": None, "train_examples": 1000} | more


def experiment(runs, name="mnist", **more):
    """An experiment's part of a figure's settings."""
    settings = {"name": name, "model": "fnn", "train_examples": 1000, "samples": None, "seeds": [0, 1], "runs": runs}
    return settings | {"level": None, "objectives": None, "threshold": 0.95} | more


class Made:
    """A figure's table as it was written and read back, and its drawing."""

    def __init__(self, folder, kind, experiments, inputs):
        self.kind = kind
        descriptions = [str(folder / f"{one['name']}.json") for one in experiments]
        for one, path in zip(experiments, descriptions, strict=True):
            write_json(path, {"label": f"{one['name']}, stand-in data", "dataset": one["name"]})
        files = {}
        for table, frames in inputs.items():
            files[table] = [str(folder / f"{table}-{place}.csv") for place in range(len(frames))]
            for frame, path in zip(frames, files[table], strict=True):
                write_table(path, frame)
        self.paths = {name: str(folder / file) for name, file in OUTPUTS.items()}
        settings = {"kind": kind, "place": "Paper B, Fig. 2", "scale": "quick", "experiments": experiments}
        table_run(settings, descriptions, files, self.paths)
        self.points, self.summary = (read_table(self.paths[name]) for name in ("points", "summary"))
        self.description = read_json(self.paths["description"])

    def drawn(self):
        """The figure, drawn on its canvas."""
        draw = import_module(f"dropscape.figures.draw.{self.kind}").draw
        with style.applied():
            figure = draw(self.points, self.summary, self.description)
            figure.canvas.draw()
        return figure

    def saved(self):
        """The paths, after writing PDF and PNG."""
        draw_run(self.paths["points"], self.paths["summary"], self.paths["description"], self.paths)
        return self.paths


def legends(figure):
    """The texts of each legend."""
    return [
        [text.get_text() for text in axes.get_legend().get_texts() if text.get_text().strip()]
        for axes in figure.axes
        if axes.get_legend()
    ]


def check_page(figure):
    """Nothing is off the page, and no legend or label lies on another, on the title, the footer or a panel."""
    for shown in (*figure.texts, *figure.axes):
        box = shown.get_tightbbox() if shown in figure.axes else shown.get_window_extent()
        assert figure.bbox.x0 <= box.x0 and box.x1 <= figure.bbox.x1, shown
        assert figure.bbox.y0 <= box.y0 and box.y1 <= figure.bbox.y1, shown
    title, footer = (text.get_window_extent() for text in figure.texts)
    found = [axes.get_legend().get_window_extent() for axes in figure.axes if axes.get_legend()]
    for position, legend in enumerate(found):
        assert not legend.overlaps(footer) and not legend.overlaps(title)
        assert not any(legend.overlaps(axes.bbox) for axes in figure.axes)
        assert not any(legend.overlaps(other) for other in found[position + 1 :])
    for axes in figure.axes:
        labels = axes.xaxis.label, axes.yaxis.label, axes.title, axes._left_title
        for label in (label for label in labels if label.get_text()):
            box = label.get_window_extent()
            assert not box.overlaps(footer) and not box.overlaps(title), label
            assert not any(box.overlaps(other.bbox) for other in figure.axes if other is not axes), label
