"""What a script of the workflow imports from the library, found anew: by reading import statements alone."""

import ast
from pathlib import Path

PACKAGE = "dropscape"


class Imports:
    """The imports of a repository's files.

    Args:
        root: the repository.
    """

    def __init__(self, root: Path):
        self.root = root

    def files(self, script: str, *more: str) -> set[str]:
        """Paths of the library's files that run when ``script`` and the modules ``more`` are imported."""
        found: set[str] = set()
        left = self._named(self.root / script) | set(more)
        while left:
            module = left.pop()
            if module not in found:
                found.add(module)
                left |= self._named(self._file(module)) | ({module.rpartition(".")[0]} - {""})
        return {str(self._file(module).relative_to(self.root)) for module in found}

    def by_name(self) -> set[str]:
        """Files of the library that import modules whose names are only known when they run."""
        return {
            str(path.relative_to(self.root))
            for path in (self.root / "src" / PACKAGE).rglob("*.py")
            if any(word in path.read_text() for word in ("import_module(", "__import__(", "exec("))
        }

    def _named(self, path: Path) -> set[str]:
        names = set()
        tree = ast.parse(path.read_text())
        # What only a type checker imports never runs.
        tree.body = [
            node for node in tree.body if not (isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING")
        ]
        # A module's __getattr__ runs when it is asked for a name that it has not, which no job does.
        tree.body = [node for node in tree.body if getattr(node, "name", "") not in ("__getattr__", "__dir__")]
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                names |= {alias.name for alias in node.names}
            if isinstance(node, ast.ImportFrom):
                assert node.level == 0, f"{path} imports relatively, which this reader does not follow"
                names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
        return {name for name in names if name.split(".")[0] == PACKAGE and self._file(name).exists()}

    def _file(self, module: str) -> Path:
        path = self.root.joinpath("src", *module.split("."))
        return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
