"""Which files of the library a script depends on, through its imports and theirs.

Snakemake does not see changes in imported modules; the workflow lists these files as inputs of each rule.
"""

import ast
from functools import cache
from pathlib import Path

import grimp

PACKAGE = "dropscape"


@cache
def _graph() -> grimp.ImportGraph:
    return grimp.build_graph(PACKAGE, cache_dir=None)


@cache
def module_files(script: Path, source: Path, *named: str) -> tuple[str, ...]:
    """The script and every module of the library that it imports, directly or not, as sorted paths.

    Args:
        script: a Python file outside the library.
        source: the folder that holds the package (``src``).
        named: modules that are imported by a name which is only known when the script runs.
    """
    graph = _graph()
    modules: set[str] = set()
    for module in _imported(script, graph.modules) | set(named):
        modules |= {module} | graph.find_upstream_modules(module)
    # Importing a.b.c also runs the __init__ of a and of a.b.
    modules |= {parent for module in modules for parent in _parents(module)}
    return (str(script), *sorted(str(_file_of(module, source)) for module in modules))


def _imported(script: Path, modules: set[str]) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(script.read_text())):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        else:
            continue
        found |= modules.intersection(names)
    return found


def _parents(module: str) -> list[str]:
    parts = module.split(".")
    return [".".join(parts[:length]) for length in range(1, len(parts))]


def _file_of(module: str, source: Path) -> Path:
    path = source.joinpath(*module.split("."))
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
