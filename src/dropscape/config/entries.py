"""What a study holds by name: experiments with their runs, figures and claims."""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any

from dropscape.config.grid import with_grid_as_runs
from dropscape.config.study import SECTIONS
from dropscape.errors import ConfigurationError


def entries(study: Mapping[str, Any], sections: Iterable[str] = SECTIONS) -> dict[str, Any]:
    """The entries of several sections of a study by name; without ``sections`` its experiments of every form."""
    return {name: one for section in sections for name, one in (study.get(section) or {}).items()}


def without_left_out(studies: Mapping[str, Any], written: Mapping[str, Any], origin: str) -> dict[str, Any]:
    """The studies without the entries that the last layer takes out by null although an earlier one did before.

    ``studies`` are what the layers up to ``origin``, where the last one stands, give, merged; ``written`` the study
    files alone, which know the names that may be taken out: null for another name stays there for the validation to
    refuse. A ConfigurationError says that a study, a section or an entry is not made of keys.
    """
    result = {}
    for name, study in studies.items():
        known = written.get(name) or {}
        result[name] = dict(_keys(study, name, origin))
        for section in {*SECTIONS, "figures", "claims"} & set(study):
            named = _left(study[section], known.get(section), f"{name}.{section}", origin)
            result[name][section] = {
                key: one if one is None else dict(_keys(one, f"{name}.{section}.{key}", origin))
                for key, one in named.items()
            }
        for key, one in (result[name].get("experiments") or {}).items():
            if one and one.get("runs"):
                place = f"{name}.experiments.{key}.runs"
                one["runs"] = _left(one["runs"], _runs((known.get("experiments") or {}).get(key)), place, origin)
    return result


def _left(named: Any, known: Mapping[str, Any] | None, place: str, origin: str) -> dict[str, Any]:
    found = _keys(named, place, origin)
    return {key: one for key, one in found.items() if one is not None or key not in (known or {})}


def _runs(experiment: Mapping[str, Any] | None) -> Mapping[str, Any]:
    """The runs of an experiment of a study file, those of its grid too; none where the grid is wrong."""
    with suppress(ValueError):
        return with_grid_as_runs(experiment or {}).get("runs") or {}
    return {}


def _keys(value: Any, place: str, origin: str) -> Mapping[str, Any]:
    if value and not isinstance(value, Mapping):
        raise ConfigurationError(f"In {origin}: '{place}' is {value!r}: write `key: value` lines below it.")
    return value or {}
