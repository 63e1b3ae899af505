"""Pages of HTML that need nothing beside them: what a template shows, its style and its scripts are one file.

A page is a template that extends ``base.html`` and fills its blocks; ``macros.html`` has what pages share.
"""

from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

_FOLDER = Path(__file__).parent / "templates"


def render(template: str, **values: Any) -> str:
    """The page that a template makes of the values; one that it needs and is not given is an error of jinja2."""
    environment = Environment(
        loader=FileSystemLoader(_FOLDER),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    environment.globals["source"] = _source
    return environment.get_template(template).render(values)


def _source(name: str) -> Markup:
    """A style or a script beside the templates, as it stands."""
    return Markup((_FOLDER / name).read_text(encoding="utf-8"))
