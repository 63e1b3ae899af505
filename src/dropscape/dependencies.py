"""Which files of the library a script depends on, through its imports and theirs.

Snakemake does not see changes in imported modules, so a rule has the manifest of these files as an input: one file
where they are some forty, because Snakemake looks at each input of each job when it builds its graph and hashes each
when a job ends.
"""

import ast
import hashlib
import importlib.util
import os
from collections.abc import Iterable
from contextlib import suppress
from functools import cache
from pathlib import Path

import grimp

from dropscape.errors import ConfigurationError

PACKAGE = "dropscape"


@cache
def _graph() -> grimp.ImportGraph:
    return grimp.build_graph(PACKAGE, cache_dir=None, exclude_type_checking_imports=True)


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


def manifest(files: Iterable[str], root: Path) -> str:
    """A line ``<sha256>  <path below root>`` for each file, as ``sha256sum`` writes and checks it."""
    return "".join(f"{_sha256(path)}  {Path(path).relative_to(root)}\n" for path in files)


def write_if_changed(path: Path, content: str) -> None:
    """Write the file unless it holds the content already.

    Raises:
        OSError: it cannot be written.
    """
    if path.is_file() and path.read_text() == content:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    # Every job reads the workflow in a process of its own; none may see half a file of another's.
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_text(content)
    temporary.replace(path)


def custom_module_file(function: str, key: str) -> str:
    """The file of the module that holds a function of the user's, relative to the working directory.

    Args:
        function: ``package.module:name``.
        key: of the configuration that names it, for the sentence.

    Raises:
        ConfigurationError: there is no such module.
    """
    package = function.partition(":")[0]
    with suppress(ModuleNotFoundError):
        if found := importlib.util.find_spec(package):
            return os.path.relpath(found.origin)
    raise ConfigurationError(
        f"{key} is '{function}', but there is no module '{package}': put {package.replace('.', '/')}.py into the "
        "folder of the Makefile, or its folder into PYTHONPATH."
    )


@cache
def _sha256(path: str) -> str:
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


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
