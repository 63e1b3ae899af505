"""Reading and merging the configuration: study files (paper scale) <- scale file <- the user's file."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from dropscape.config.fields import BY_NAME, MANY, ONE
from dropscape.config.models import MODEL_NAMES
from dropscape.config.selection import SECTIONS, only, without_left_out
from dropscape.config.settings import Settings, UserSettings
from dropscape.config.subnetworks import ALGORITHMS
from dropscape.errors import ConfigurationError

SCALES = ("smoke", "quick", "paper")


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

    Raises:
        ConfigurationError: an unknown key, a value out of range or a reference to nothing; the message names the
            key, the files it was merged from, and the problem.
    """
    user_settings = _validated(UserSettings, dict(user), "config/config.yaml or --config")
    return merge_studies(user_settings, root)


def merge_studies(user: UserSettings, root: Path) -> Settings:
    """The studies at the user's scale, with the user's seeds and overrides, validated."""
    studies = {path.stem: read_yaml(path) for path in sorted((root / "config/studies").glob("*.yaml"))}
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
    return _validated(
        Settings,
        {
            "user": user.model_dump(),
            "studies": studies,
            "claims": without_left_out(read_yaml(root / "config/claims.yaml"), versions, studies),
        },
        f"config/claims.yaml and config/studies merged with config/scales/{user.scale}.yaml and the user's overrides",
    )


def read_yaml(path: Path) -> dict[str, Any]:
    """The mapping in a YAML file; an empty file is an empty mapping.

    Raises:
        ConfigurationError: no such file, not YAML, or not a mapping.
    """
    try:
        content = _yaml(path.read_text())
    except FileNotFoundError:
        raise ConfigurationError(f"{path} does not exist: restore it from the repository.") from None
    except yaml.YAMLError as error:
        raise ConfigurationError(f"{path} is not valid YAML: {error}") from None
    if content is not None and not isinstance(content, dict):
        raise ConfigurationError(f"{path} holds a {type(content).__name__}: write `key: value` lines.")
    return content or {}


def _yaml(text: str) -> Any:
    """What ``yaml.safe_load`` gives, by libyaml where it is there: each job reads the configuration anew."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)(text)
    try:
        return loader.get_single_data()
    finally:
        loader.dispose()


def _validated(kind, content: dict[str, Any], origin: str):
    try:
        return kind.model_validate(content)
    except ValidationError as error:
        lines = [_explained(problem) for problem in error.errors()]
        raise ConfigurationError(f"In {origin}: " + "; ".join(lines) + ".") from None


def _explained(problem: Mapping[str, Any]) -> str:
    key = ".".join(_written(problem["loc"])) or "the whole"
    if problem["type"] == "extra_forbidden":
        return f"'{key}' is not a known key (docs/configuration.md lists them; check the spelling)"
    message = problem["msg"].removeprefix("Value error, ")
    if problem["type"] == "value_error":
        return f"{key}: {message}"
    return f"'{key}' is {problem['input']!r}: {message[0].lower()}{message[1:]}"


def _written(place: Sequence[str | int]) -> list[str]:
    """The keys of an error's place that stand in a file: pydantic puts in which form of a key it took."""
    keys = []
    for at, part in enumerate(place):
        of_model = place[at - 1 : at] == ("model",) and part in MODEL_NAMES
        of_experiment = place[at - 2 : at - 1] == ("subnetworks",) and part in ALGORITHMS
        if part not in (ONE, MANY, BY_NAME) and not of_model and not of_experiment:
            keys.append(str(part))
    return keys
