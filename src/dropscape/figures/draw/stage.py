"""The figures stage, second half: a table becomes a figure. Nothing here computes."""

from collections.abc import Mapping
from importlib import import_module

from dropscape.artifacts.files import read_json, read_table
from dropscape.figures import style


def draw_run(points: str, summary: str, description: str, outputs: Mapping[str, str]) -> None:
    """Draw what ``dropscape.figures.tables.stage`` wrote; the work is that of ``dropscape.figures.draw.<kind>``.

    Args:
        points, summary, description: paths.
        outputs: ``pdf`` (vector) and ``png``.
    """
    content = read_json(description)
    draw = import_module(f"dropscape.figures.draw.{content['kind']}").draw
    with style.applied():
        style.save(draw(read_table(points), read_table(summary), content), outputs)
