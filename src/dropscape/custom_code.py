"""Imports custom functions that the configuration names."""

from collections.abc import Callable
from importlib import import_module
from typing import Any

from dropscape.errors import ConfigurationError


def imported(function: str, key: str) -> Callable[..., Any]:
    """Import the function ``package.module:name``, which the configuration names under ``key``."""
    module, _, name = function.partition(":")
    try:
        return getattr(import_module(module), name)
    except Exception as error:  # a module may raise anything when it is imported
        why = " ".join(f"{type(error).__name__}: {error}".split())
        raise ConfigurationError(
            f"{key} '{function}' cannot be imported ({why}); write package.module:function of a module on the "
            "Python path."
        ) from error
