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
from modulefinder import ModuleFinder
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
    places = [*folders, *filter(None, os.getenv("PYTHONPATH", "").split(os.pathsep))]
    finder = ModuleFinder(path=[place for place in places if not Path(place, PACKAGE, "__init__.py").is_file()])
    try:
        finder.import_hook(module)
    except SyntaxError as error:
        raise ConfigurationError(
            f"{key} is '{function}', but {error.filename}, line {error.lineno}, is no Python ({error.msg}): correct it."
        ) from None
    except ImportError:
        with suppress(ModuleNotFoundError):
            if found := importlib.util.find_spec(module):  # an installed package, which is named by its file alone
                return [os.path.relpath(found.origin)]
        raise ConfigurationError(
            f"{key} is '{function}', but there is no module '{module}': put {module.replace('.', '/')}.py into the "
            "folder of the Makefile, or its folder into PYTHONPATH."
        ) from None
    return sorted(os.path.relpath(one.__file__) for one in finder.modules.values() if one.__file__)


@cache
def sha256(path: str | Path) -> str:
    """The SHA-256 of a file, in hexadecimal digits."""
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


def _imported(script: Path, modules: set[str]) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(script.read_text(encoding="utf-8"))):
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
