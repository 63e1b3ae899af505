"""Reading and merging the configuration: study files (paper scale) <- scale file <- the user's file."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from dropscape.config.configuration import Settings
from dropscape.config.experiment import NETWORKS
from dropscape.config.selection import only, without_left_out
from dropscape.config.study import FIGURES, SECTIONS, STAGE_FORMS
from dropscape.config.user import UserSettings
from dropscape.errors import ConfigurationError
from dropscape.schema import BY_NAME, MANY, ONE

SCALES = ("smoke", "quick", "paper")
_SafeLoader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # libyaml's, if there: each job reads all files anew


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


def load_settings(user: Mapping[str, Any], root: Path) -> Settings:
    """The validated configuration of ``root`` (the folder that holds ``config/``) with the user's keys.

    A ConfigurationError names an unknown key, a value out of range or a reference to nothing, and where it stands.
    """
    user_settings = _validated(UserSettings, dict(user), "config/config.yaml or --config")
    return merge_studies(user_settings, root)


def merge_studies(user: UserSettings, root: Path) -> Settings:
    """The studies at the user's scale, with the user's seeds and overrides, validated."""
    studies = read_studies(root)
    scale_file = root / f"config/scales/{user.scale}.yaml"
    versions = [studies]
    for layer, origin in ((read_yaml(scale_file), f"config/scales/{user.scale}.yaml"), (user.overrides, "overrides")):
        unknown = sorted(set(layer) - set(studies))
        if unknown:
            raise ConfigurationError(
                f"{origin} names the study '{unknown[0]}', which has no file in config/studies: "
                f"write one of {', '.join(studies)}."
            )
        studies = merged(studies, layer)
        versions.append(studies)
    if user.experiments is not None:
        studies = only(studies, user.experiments, user.studies or list(studies))
    if user.seeds is not None:
        for study in studies.values():
            for section in SECTIONS:
                for experiment in study.get(section, {}).values():
                    experiment["seeds"] = list(user.seeds)
    for name, study in studies.items():
        study["claims"] = without_left_out(study.get("claims") or {}, [one[name] for one in versions], study)
    return _validated(
        Settings,
        {"user": user.model_dump(), "studies": studies},
        f"config/studies and config/claims merged with config/scales/{user.scale}.yaml and the user's overrides",
    )


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


def read_yaml(path: Path) -> dict[str, Any]:
    """The mapping in a YAML file, empty if the file is; a ConfigurationError says that it holds something else."""
    try:
        content = _SafeLoader(path.read_text()).get_single_data()
    except FileNotFoundError:
        raise ConfigurationError(f"{path} does not exist: restore it from the repository.") from None
    except yaml.YAMLError as error:
        raise ConfigurationError(f"{path} is not valid YAML: {error}") from None
    if content is not None and not isinstance(content, dict):
        raise ConfigurationError(f"{path} holds a {type(content).__name__}: write `key: value` lines.")
    return content or {}


def _validated(kind, content: dict[str, Any], origin: str):
    try:
        return kind.model_validate(content)
    except ValidationError as error:
        lines = [_explained(problem) for problem in error.errors()]
        raise ConfigurationError(f"In {origin}: " + "; ".join(lines) + ".") from None


def _explained(problem: Mapping[str, Any]) -> str:
    keys = _written(problem["loc"])
    message = problem["msg"].removeprefix("Value error, ")
    if problem["type"] == "unknown_key":
        key = ".".join([*keys, str(problem["ctx"]["key"])])
        return f"'{key}' is not a known key (docs/configuration.md lists them): {message}"
    key = ".".join(keys) or "the whole"
    if problem["type"] == "value_error":
        return f"{key}: {message}"
    return f"'{key}' is {problem['input']!r}: {message[0].lower()}{message[1:]}"


def _written(place: Sequence[str | int]) -> list[str]:
    """The keys of an error's place that stand in a file: pydantic puts in which form of a key it took."""
    forms_of_key = {"model": _tags(NETWORKS, "name")}
    several = {section: _tags(forms, "algorithm") for section, forms in STAGE_FORMS.items() if len(forms) > 1}
    forms_of_named = {"figures": _tags(FIGURES, "kind")} | several
    keys = []
    for at, part in enumerate(place):
        before, above = (place[at - back] if at >= back else None for back in (1, 2))
        form = part in forms_of_key.get(before, ()) or part in forms_of_named.get(above, ()) or before == "statistic"
        if part not in (ONE, MANY, BY_NAME) and not form:
            keys.append(str(part))
    return keys


def _tags(kinds: Sequence[type], key: str) -> set[str]:
    return {value for kind in kinds for value in kind.model_fields[key].annotation.__args__}
