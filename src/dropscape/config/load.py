"""Merging the configuration: study files (paper scale) <- scale file <- the user's file."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from dropscape.config.configuration import Settings
from dropscape.config.entries import entries, without_left_out
from dropscape.config.explained import explained
from dropscape.config.selection import claims_of_what_is_made, only, only_figures
from dropscape.config.user import UserSettings
from dropscape.config.yaml_files import read_yaml
from dropscape.errors import ConfigurationError

SCALES = ("smoke", "quick", "desktop", "paper")
USER = "config/config.yaml or --config"
STUDIES, OVERRIDES = "config/studies and config/claims", "overrides"


def merged(base: Any, override: Any) -> Any:
    """``override`` laid over ``base``: mappings merge key by key, null removes a key, anything else replaces."""
    if not isinstance(base, Mapping) or not isinstance(override, Mapping):
        return override
    result = dict(base)
    for key, value in override.items():
        if value is None and key in base and isinstance(base[key], Mapping):
            del result[key]
        else:
            result[key] = merged(base.get(key), value)
    return result


def user_keys(files: Iterable[Path], pairs: Mapping[str, Any], root: Path) -> dict[str, Any]:
    """The user's keys as Snakemake merges them: ``config/config.yaml``, over it files, over all single keys.

    A file that is missing or no YAML mapping is a ConfigurationError.
    """
    own = (folder / "config/config.yaml" for folder in (Path(), root))
    keys: dict[str, Any] = {}
    for file in (next(path for path in own if path.is_file()), *files):
        keys = merged(keys, read_yaml(file))
    return merged(keys, pairs)


def load_settings(user: Mapping[str, Any], root: Path) -> Settings:
    """The validated configuration of ``root`` (the folder that holds ``config/``) with the user's keys.

    A ConfigurationError names an unknown key, a value out of range or a reference to nothing, and where it stands.
    """
    return merge_studies(user_settings(user), root)


def user_settings(user: Mapping[str, Any]) -> UserSettings:
    """The user's keys, validated; errors are those of ``load_settings``."""
    return _validated(UserSettings, dict(user), {USER: user})


def merge_studies(user: UserSettings, root: Path) -> Settings:
    """The studies at the user's scale, with the user's seeds and overrides, validated."""
    versions, layers = _merged_layers(user, root)
    written, papers, studies = layers[STUDIES], versions[0], versions[-1]
    if user.experiments is not None:
        studies = only(studies, user.experiments, user.studies or list(studies), written)
    if user.figures is not None:
        studies = only_figures(studies, user.figures, written)
    if user.seeds is not None:
        for study in studies.values():
            for experiment in filter(None, entries(study).values()):
                experiment["seeds"] = list(user.seeds)
    for name, study in studies.items():
        study["claims"] = claims_of_what_is_made(study.get("claims") or {}, [one[name] for one in versions], study)
    return _validated(Settings, {"user": user.model_dump(), "studies": studies, "written": papers}, layers)


def merged_experiments(user: UserSettings, root: Path) -> dict[str, Any]:
    """Every experiment by name as the layers give it, grids beside runs and nothing validated."""
    versions, _ = _merged_layers(user, root)
    return {name: one for study in versions[-1].values() for name, one in entries(study).items()}


def _merged_layers(user: UserSettings, root: Path) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """The studies as their files have them, with the scale's changes, and with the user's; and the layers."""
    written, scale_file = read_studies(root), f"config/scales/{user.scale}.yaml"
    layers = {STUDIES: written, scale_file: read_yaml(root / scale_file), OVERRIDES: user.overrides}
    versions = [without_left_out(written, written, STUDIES)]
    for origin in (scale_file, OVERRIDES):
        layer, studies = layers[origin], versions[-1]
        if unknown := sorted(set(layer) - set(studies)):
            raise ConfigurationError(
                f"{origin} names the study '{unknown[0]}', which has no file in config/studies: "
                f"write one of {', '.join(studies)}."
            )
        for place, value in _misplaced(studies, layer):
            raise ConfigurationError(
                f"In {origin}: '{place}' is {value!r}, but it has keys of its own: write `key: value` lines below it."
            )
        versions.append(without_left_out(merged(studies, layer), written, origin))
    return versions, layers


def _misplaced(base: Mapping[str, Any], layer: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    """What a layer writes where there are keys: its place and the value."""
    for key, value in layer.items():
        place = f"{above}.{key}" if above else str(key)
        if isinstance(base.get(key), Mapping) and isinstance(value, Mapping):
            yield from _misplaced(base[key], value, place)
        elif isinstance(base.get(key), Mapping) and value is not None:
            yield place, value


def read_studies(root: Path) -> dict[str, Any]:
    """Every study by name: ``config/studies/<study>.yaml`` with the claims of ``config/claims/<study>.yaml``.

    A ConfigurationError says that a file is no YAML mapping, or that a claim stands in both files.
    """
    studies = {path.stem: read_yaml(path) for path in sorted((root / "config/studies").glob("*.yaml"))}
    if reserved := sorted({"claims", "by_run"} & set(studies)):
        raise ConfigurationError(f"config/studies/{reserved[0]}.yaml has the name of a table of claims: rename it.")
    for path in sorted((root / "config/claims").glob("*.yaml")):
        if path.stem not in studies:
            raise ConfigurationError(
                f"config/claims/{path.name} has no study: name it after one in config/studies ({', '.join(studies)})."
            )
        claims, more = studies[path.stem].get("claims") or {}, read_yaml(path)
        if twice := sorted(set(claims) & set(more)):
            raise ConfigurationError(
                f"the claim '{twice[0]}' stands in config/studies/{path.name} and in config/claims/{path.name}: "
                "rename one."
            )
        studies[path.stem] = {**studies[path.stem], "claims": {**claims, **more}}
    return studies


def _validated(kind: Any, content: dict[str, Any], layers: Mapping[str, Mapping[str, Any]]) -> Any:
    try:
        return kind.model_validate(content)
    except ValidationError as error:
        raise ConfigurationError(explained(error, content, layers)) from None
