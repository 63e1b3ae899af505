"""Finding the kinds of figures, statistics, networks, datasets and measurements: each is there because its file is."""

from importlib import import_module
from pkgutil import iter_modules
from types import ModuleType
from typing import TypeVar

T = TypeVar("T")


def submodules(package: str, name: str | None = None) -> dict[str, ModuleType]:
    """The modules of a package by name, or the module ``name`` of each of its subpackages that has one."""
    found = {}
    for module in iter_modules(import_module(package).__path__):
        if name is None:
            found[module.name] = import_module(f"{package}.{module.name}")
        elif module.ispkg and any(inner.name == name for inner in iter_modules(_path(f"{package}.{module.name}"))):
            found[module.name] = import_module(f"{package}.{module.name}.{name}")
    return found


def subclasses(modules: dict[str, ModuleType], base: type[T]) -> list[type[T]]:
    """The public classes derived from ``base`` that the modules define, in the order of modules and definitions."""
    return [
        value
        for module in modules.values()
        for name, value in vars(module).items()
        if isinstance(value, type)
        and issubclass(value, base)
        and value.__module__ == module.__name__
        and not name.startswith("_")
    ]


def _path(package: str) -> list[str]:
    return list(import_module(package).__path__)
