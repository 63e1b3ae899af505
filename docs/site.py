"""What the documentation site shows besides the files of this folder, and is made from what has it already.

The first page is the README, the API reference lists the public names, the tables are those of ``columns.yaml`` and of
the docstrings in ``dropscape.theory.tables``, the notebooks and the changes are taken as they are. mkdocs calls
``on_files`` (``hooks`` of mkdocs.yml).
"""

import inspect
import re
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import Any, get_type_hints

import yaml
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

import dropscape
import dropscape.theory.tables

ROOT = Path(__file__).parents[1]
NOTEBOOKS = ROOT / "notebooks"


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that are no files of this folder."""
    pages = {
        "index.md": start(),
        "api.md": reference(),
        "tables.md": tables(),
        "changes.md": (ROOT / "CHANGELOG.md").read_text("utf-8"),
    }
    pages |= {f"notebooks/{path.stem}.md": notebook(path) for path in sorted(NOTEBOOKS.glob("*.py"))}
    for name, content in pages.items():
        files.append(File.generated(config, name, content=content))
    return files


def start() -> str:
    """The README, whose links are seen from the folder above."""
    return (ROOT / "README.md").read_text(encoding="utf-8").replace("(docs/", "(")


def reference() -> str:
    """The public names with what they return."""
    said = inspect.getdoc(dropscape) or ""
    functions = {name: getattr(dropscape, name) for name in dropscape.__all__}
    results = {_path(kind): None for function in functions.values() if (kind := _result(function))}
    return "\n\n".join(
        [
            "# API reference",
            said,
            "## Functions",
            *(f"::: {_path(function)}" for function in functions.values()),
            "## Results",
            *(f"::: {path}" for path in [*results, _path(_certificate())]),
        ]
    )


def _result(function: Any) -> type | None:
    """The class of ours that a function returns."""
    kind = get_type_hints(function).get("return")
    return kind if inspect.isclass(kind) and kind.__module__.startswith("dropscape") else None


def _certificate() -> type:
    from dropscape.numerics.certificates import Certificate

    return Certificate


def _path(thing: Any) -> str:
    return f"{thing.__module__}.{thing.__qualname__}"


def tables() -> str:
    """Every table of results with its columns and their units."""
    read = yaml.safe_load((ROOT / "docs/columns.yaml").read_text(encoding="utf-8"))
    parts = [
        "# Tables and their columns",
        "Every table is a CSV file below `results/SCALE`, with its checksum beside it and, where a job wrote it, its "
        "provenance. A number that is undefined is missing, and a column says why. **Units**: `-` is a number without "
        "one; *loss* is nats for the cross-entropy and squared outputs for the squared error; *parameter* is that of "
        "the network's parameters; *noise* is the variance of a gradient, loss² / parameter². The tables below "
        "`figures` hold what a figure draws, and their columns are those of the tables that it is drawn from.",
    ]
    for name, table in read["tables"].items():
        rows = [
            (column, *(read["shared"][column] if of == "shared" else of)) for column, of in table["columns"].items()
        ]
        cells = [[str(cell).replace("|", "\\|") for cell in row] for row in rows]
        parts += [f"## `{name}`", table["about"]]
        parts.append(
            "\n".join(["| column | unit | meaning |\n|---|---|---|", *(f"| `{a}` | {b} | {c} |" for a, b, c in cells)])
        )
    for module in iter_modules(dropscape.theory.tables.__path__):
        table = import_module(f"dropscape.theory.tables.{module.name}").table
        about, _, returned = inspect.getdoc(table).partition("Returns:\n")
        columns = inspect.cleandoc(re.split(r"^\w+:\n", returned, flags=re.MULTILINE)[0])
        units = "; ".join(f"{unit}: `{'`, `'.join(names)}`" for unit, names in read["theory"][module.name].items())
        parts += [f"## `theory/STUDY/{module.name}.csv`", about.partition("Args:\n")[0].strip(), columns]
        parts.append(f"Units: {units}.")
    return "\n\n".join(parts).replace("``", "`") + "\n"


def notebook(path: Path) -> str:
    """A notebook in the percent format as a page: its text, and its code in fences."""
    cells = re.split(r"^# %%(.*)\n", path.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
    parts = []
    for kind, content in zip(cells[::2], cells[1::2], strict=True):
        if "[markdown]" in kind:
            parts.append("\n".join(line.removeprefix("#").removeprefix(" ") for line in content.splitlines()))
        else:
            parts.append(f"```python\n{content.strip()}\n```")
    source = f"*The notebook is `notebooks/{path.name}`; Jupyter opens it through jupytext.*"
    return "\n\n".join([parts[0], source, *parts[1:]]) + "\n"
