"""What of the merged studies is made: the chosen experiments, the figures that show them and the claims on those."""

import difflib
from collections.abc import Mapping, Sequence
from typing import Any

from dropscape.config.entries import entries
from dropscape.config.study import SECTIONS
from dropscape.errors import ConfigurationError, suggested


def only(
    studies: Mapping[str, Any], chosen: Sequence[str], selected: Sequence[str], written: Mapping[str, Any]
) -> dict[str, Any]:
    """The studies with the chosen experiments alone and the figures that show one of them; without theory.

    A ConfigurationError says that no study has one of the names, that the scale leaves it out of the ``written``
    studies, or that no figure of the selected studies shows it without others.
    """
    every = {name: one for study in studies.values() for name, one in entries(study).items()}
    for name in chosen:
        if name not in every:
            left_out = any(name in entries(study) for study in written.values())
            why = "the scale or the overrides leave out" if left_out else "no study has"
            choice = f"one of {', '.join(sorted(every))}" if left_out else suggested(name, sorted(every))
            raise ConfigurationError(f"experiments names '{name}', which {why}: write {choice}.")
    result = {}
    for study, content in studies.items():
        sections = {
            section: {name: one for name, one in (content.get(section) or {}).items() if name in chosen}
            for section in SECTIONS
        }
        figures = {name: _showing(figure, every, chosen) for name, figure in entries(content, ["figures"]).items()}
        figures = {name: figure for name, figure in figures.items() if figure is not None}
        rest = {key: value for key, value in content.items() if key != "theory"}  # what is misspelt is refused later
        result[study] = rest | sections | {"figures": figures}
    for name in chosen:
        if not any(name in names for names in _drawn(result, selected)):
            beside = sorted({other for names in _drawn(studies, selected) if name in names for other in names})
            why = f"every figure compares with others: name {', '.join(beside)}"
            if not beside:
                why = f"no figure of {', '.join(selected)} shows: add one, or leave it out"
            raise ConfigurationError(f"experiments names '{name}', which {why}.")
    return result


def only_figures(studies: Mapping[str, Any], chosen: Sequence[str], written: Mapping[str, Any]) -> dict[str, Any]:
    """The studies with the chosen figures alone and the experiments that these draw; theory for figures of it.

    The ConfigurationErrors are those of ``named_figure``.
    """
    named = [named_figure(name, studies, written) for name in chosen]
    drawn = {one for study, name in named for one in experiments_of(studies[study]["figures"][name])}
    result = {}
    for study, content in studies.items():
        figures = {name: one for name, one in (content.get("figures") or {}).items() if (study, name) in named}
        sections = {
            section: {name: one for name, one in (content.get(section) or {}).items() if name in drawn}
            for section in SECTIONS
        }
        draws_theory = any(not experiments_of(figure) for figure in figures.values())
        rest = {key: value for key, value in content.items() if key != "theory" or draws_theory}
        result[study] = rest | sections | {"figures": figures}
    return result


def named_figure(name: str, studies: Mapping[str, Any], written: Mapping[str, Any]) -> tuple[str, str]:
    """The study and the figure that ``<study>-<figure>`` means, or ``<figure>`` where one study alone has it.

    A ConfigurationError says that no study has it, that several have, or that the scale leaves it out of the
    ``written`` studies.
    """

    def meant(among: Mapping[str, Any]) -> dict[str, tuple[str, str]]:
        return {
            f"{study}-{figure}": (study, figure)
            for study, content in among.items()
            for figure in entries(content, ["figures"])
            if name in (figure, f"{study}-{figure}")
        }

    found = meant(studies)
    if len(found) == 1:
        return next(iter(found.values()))
    if found:
        raise ConfigurationError(f"'{name}' is a figure of several studies: write {' or '.join(found)}.")
    if meant(written):
        raise ConfigurationError(f"the scale or the overrides leave out the figure '{name}': write another scale.")
    known = {study: entries(content, ["figures"]) for study, content in studies.items()}
    short = [figure for figures in known.values() for figure in figures]
    full = [f"{study}-{figure}" for study, figures in known.items() for figure in figures]
    nearest = difflib.get_close_matches(name, [*short, *full], 3)
    raise ConfigurationError(
        f"no study has the figure '{name}': write {' or '.join(dict.fromkeys(nearest)) or suggested(name, full)}."
    )


def _showing(figure: Mapping[str, Any], every: Mapping[str, Any], chosen: Sequence[str]) -> dict[str, Any] | None:
    """The figure with the chosen ones of its experiments; None if it shows none or compares their runs with others'."""
    names = experiments_of(figure)
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
    figures = (one for name in selected for one in entries(studies.get(name, {}), ["figures"]).values())
    return [experiments_of(figure) for figure in figures]


def claims_of_what_is_made(
    claims: Mapping[str, Any], versions: Sequence[Mapping[str, Any]], study: Mapping[str, Any]
) -> dict[str, Any]:
    """A study's claims but for those on a figure, on an experiment of it or on a table of theory that is taken out.

    The scale or the user takes it out of one of the ``versions`` of the study; what none has is left for the validation
    to refuse.
    """

    def shown(content: Mapping[str, Any], claim: Mapping[str, Any]) -> bool:
        if claim.get("figure") is None:
            return claim.get("statistic", {}).get("table") in (content.get("theory") or {})
        figure = entries(content, ["figures"]).get(str(claim["figure"]))
        return figure is not None and claim.get("experiment") in (None, *experiments_of(figure))

    def had(claim: Mapping[str, Any]) -> bool:
        return any(shown(version, claim) for version in versions)

    return {name: claim for name, claim in claims.items() if shown(study, claim) or not had(claim)}


def experiments_of(figure: Mapping[str, Any] | None) -> list[str]:
    """The names under a figure's key ``experiment``, one or a list; whatever else stands there is refused later."""
    written = (figure or {}).get("experiment")
    return [name for name in (written if isinstance(written, list) else [written]) if isinstance(name, str)]
