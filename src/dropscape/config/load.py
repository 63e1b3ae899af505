"""Reading and merging the configuration: study files (paper scale) <- scale file <- the user's file."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from dropscape.config.fields import BY_NAME, MANY, ONE
from dropscape.config.models import MODEL_NAMES
from dropscape.config.settings import STAGES, Settings, UserSettings
from dropscape.config.subnetworks import ALGORITHMS
from dropscape.errors import ConfigurationError

SCALES = ("smoke", "quick", "paper")
SECTIONS = ("experiments", *STAGES)  # of a study, that hold experiments


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
        studies = _only(studies, user.experiments, user.studies or list(studies))
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
            "claims": _without_left_out(read_yaml(root / "config/claims.yaml"), versions, studies),
        },
        f"config/claims.yaml and config/studies merged with config/scales/{user.scale}.yaml and the user's overrides",
    )


def _only(studies: Mapping[str, Any], chosen: Sequence[str], selected: Sequence[str]) -> dict[str, Any]:
    """The studies with the chosen experiments alone and the figures that show one of them; without theory.

    Args:
        selected: the studies whose figures are made.

    Raises:
        ConfigurationError: no study has one of the names, or no figure shows it without others.
    """
    every = {
        name: one for study in studies.values() for section in SECTIONS for name, one in study.get(section, {}).items()
    }
    for name in chosen:
        if name not in every:
            raise ConfigurationError(
                f"experiments names '{name}', which no study has: write one of {', '.join(sorted(every))}."
            )
    result = {}
    for study, content in studies.items():
        sections = {
            section: {name: one for name, one in content.get(section, {}).items() if name in chosen}
            for section in SECTIONS
        }
        figures = {name: _showing(figure, every, chosen) for name, figure in content.get("figures", {}).items()}
        figures = {name: figure for name, figure in figures.items() if figure is not None}
        rest = {key: value for key, value in content.items() if key != "theory"}  # what is misspelt is refused later
        result[study] = rest | sections | {"figures": figures}
    for name in chosen:
        if not any(name in names for names in _drawn(result, selected)):
            beside = sorted({other for names in _drawn(studies, selected) if name in names for other in names})
            raise ConfigurationError(
                f"experiments names '{name}', "
                + (f"which every figure compares with others: name {', '.join(beside)}." if beside else "")
                + ("" if beside else f"which no figure of {', '.join(selected)} shows: add one, or leave it out.")
            )
    return result


def _showing(figure: Mapping[str, Any], every: Mapping[str, Any], chosen: Sequence[str]) -> dict[str, Any] | None:
    """The figure with the chosen ones of its experiments; None if it shows none or compares their runs with others'."""
    names = _listed(figure.get("experiment"))
    shown = [name for name in names if name in chosen]
    if not shown:
        return None
    if shown != names and all("runs" in every[name] and "grid" not in every[name] for name in shown):
        runs = {run for name in shown for run in every[name]["runs"]}
        if not runs.issuperset(figure.get("runs") or ()):
            return None
    return {**figure, "experiment": shown if isinstance(figure["experiment"], list) else shown[0]}


def _drawn(studies: Mapping[str, Any], selected: Sequence[str]) -> list[list[str]]:
    """The experiments of each figure of the selected studies."""
    figures = (one for name in selected for one in studies.get(name, {}).get("figures", {}).values())
    return [_listed(figure.get("experiment")) for figure in figures]


def _without_left_out(
    claims: Mapping[str, Any], versions: Sequence[Mapping[str, Any]], studies: Mapping[str, Any]
) -> dict[str, Any]:
    """The claims but for those on a figure, on an experiment of it or on a table of theory that is taken out.

    The scale or the user takes it out of one of the ``versions``; what none has is left for the validation to refuse.
    """

    def shown(content: Mapping[str, Any], claim: Mapping[str, Any]) -> bool:
        study = content.get(claim.get("study"), {})
        if claim.get("figure") is None:
            return claim.get("arguments", {}).get("table") in (study.get("theory") or {})
        figure = study.get("figures", {}).get(claim["figure"])
        return figure is not None and claim.get("experiment") in (None, *_listed(figure.get("experiment")))

    def had(claim: Mapping[str, Any]) -> bool:
        return any(shown(version, claim) for version in versions)

    return {name: claim for name, claim in claims.items() if shown(studies, claim) or not had(claim)}


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


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
