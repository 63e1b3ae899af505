"""Which files of the library a script depends on, through its imports and theirs.

Snakemake does not see changes in imported modules, so a rule has the manifest of these files as an input: one file
where they are some forty, because Snakemake looks at each input of each job when it builds its graph and hashes each
when a job ends.
"""

import ast
import hashlib
import importlib.util
import os
from collections.abc import Iterable, Sequence
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

    The folder ``templates`` beside a module belongs to it.

    Args:
        script: a Python file outside the library.
        source: the folder that holds the package (``src``).
        named: modules that are imported by a name which is only known when the script runs.
    """
    graph = _graph()
    modules: set[str] = set()
    for module in (graph.modules & _imports(script)) | set(named):
        modules |= {module} | graph.find_upstream_modules(module)
    # Importing a.b.c also runs the __init__ of a and of a.b.
    modules |= {parent for module in modules for parent in _parents(module)}
    files = {_file_of(module, source) for module in modules}
    templates = {path for folder in {file.parent for file in files} for path in folder.glob("templates/*")}
    return (str(script), *sorted(map(str, files | templates)))


def manifest(files: Iterable[str], root: Path) -> str:
    """A line ``<sha256>  <path below root>`` for each file, as ``sha256sum`` writes and checks it."""
    return "".join(f"{sha256(path)}  {Path(path).relative_to(root)}\n" for path in files)


def write_if_changed(path: Path, content: str) -> None:
    """Write the file unless it holds the content already.

    Raises:
        OSError: it cannot be written.
    """
    if path.is_file() and path.read_text(encoding="utf-8") == content:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    # Every job reads the workflow in a process of its own; none may see half a file of another's.
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_text(content, encoding="utf-8")
    temporary.replace(path)


def custom_module_files(function: str, key: str, folders: Sequence[str]) -> list[str]:
    """The file of the module that holds a function of the user's, and of what it imports from the user's folders.

    Nothing is run: modules that are imported by a name which is only known when they run are not found.

    Args:
        function: ``package.module:name``.
        key: of the configuration that names it, for the sentence.
        folders: where the user's modules may be, besides those of PYTHONPATH.

    Returns:
        Sorted paths, relative to the working directory.

    Raises:
        ConfigurationError: there is no such module, or one of them is no Python.
    """
    module = function.partition(":")[0]
    places = [Path(place) for place in [*folders, *filter(None, os.getenv("PYTHONPATH", "").split(os.pathsep))]]
    places = [place for place in places if not (place / PACKAGE / "__init__.py").is_file()]
    found: dict[str, Path] = {}
    left = {module, *_parents(module)}
    while left:
        name = left.pop()
        path = next(filter(Path.is_file, (_file_of(name, place) for place in places)), None)
        if path is None or name in found:
            continue
        found[name] = path
        try:
            names = _imports(path, name)
        except (SyntaxError, ValueError) as error:
            raise ConfigurationError(
                f"{key} is '{function}', but {path}, line {getattr(error, 'lineno', None) or 1}, is no Python "
                f"({getattr(error, 'msg', error)}): correct it."
            ) from None
        left |= {one for each in names for one in (each, *_parents(each))}
    if module not in found and not _is_installed(module):
        raise ConfigurationError(
            f"{key} is '{function}', but there is no module '{module}': put {module.replace('.', '/')}.py into the "
            "folder of the Makefile, or its folder into PYTHONPATH."
        )
    return sorted({os.path.relpath(path) for path in found.values()})


def _is_installed(module: str) -> bool:
    with suppress(ModuleNotFoundError, ValueError):
        return importlib.util.find_spec(module) is not None
    return False


@cache
def sha256(path: str | Path) -> str:
    """The SHA-256 of a file, in hexadecimal digits."""
    with Path(path).open("rb") as stream:  # of gigabytes too
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _imports(path: Path, module: str = "") -> set[str]:
    """What a file imports, by absolute names; ``from a import b`` may mean a module ``a.b``."""
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            base = ".".join(filter(None, [*above, node.module]))
            found |= {base, *(f"{base}.{alias.name}" for alias in node.names)} - {""}
    return found


def _parents(module: str) -> list[str]:
    parts = module.split(".")
    return [".".join(parts[:length]) for length in range(1, len(parts))]


def _file_of(module: str, source: Path) -> Path:
    path = source.joinpath(*module.split("."))
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
