"""A figure with settings of the user's own, as overrides of the configuration."""

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from dropscape.config.experiment import ExperimentSettings
from dropscape.equations.settings import EquationsSettings
from dropscape.errors import ConfigurationError
from dropscape.resolved.experiment import TrainedExperiment, shown_runs
from dropscape.resolved.workflow import Workflow
from dropscape.subnetworks.settings import CnnSettings


@dataclass(frozen=True)
class Asked:
    """The settings that replace those of a figure; an option that is empty leaves them as they are."""

    keep: Sequence[float] = ()
    lr: Sequence[float] = ()
    steps: int | None = None

    @property
    def options(self) -> list[str]:
        """Those that are not empty."""
        return [f"--{name}" for name, value in vars(self).items() if value]


def figure_overrides(
    workflow: Workflow, name: str, asked: Asked, written: Mapping[str, Mapping[str, Any]]
) -> dict[str, Any]:
    """The overrides with which the experiments of the figure ``<study>-<figure>`` have what is asked for.

    Every run that it draws is made anew at each keep probability and each learning rate that is asked for, all else as
    it was; a run without dropout keeps all units. Runs that it does not draw are left out. ``written`` are the
    experiments as ``config.load.merged_experiments`` gives them.

    Raises:
        ConfigurationError: an option changes nothing of what the figure draws, or takes one value there.
    """
    if not asked.options:
        return {}
    figure = workflow.figures[name]
    if not figure.experiments:
        raise ConfigurationError(
            f"{name} draws theory on small networks, which nothing trains: leave out {', '.join(asked.options)}."
        )
    study = workflow.study_of_figure[name]
    own: dict[str, Any] = {"paper_reference": f"Own settings, after {figure.paper_reference}"}
    overrides: dict[str, Any] = {}
    used: set[str] = set()
    drawn: list[str] = []
    for experiment in figure.experiments:
        change = _Change(name, experiment, asked, written[experiment])
        where, settings, runs = _changed(workflow, figure, experiment, change)
        owner = next(one for one, content in workflow.settings.studies.items() if experiment in content.all_experiments)
        overrides.setdefault(owner, {}).setdefault(where, {})[experiment] = settings
        used |= change.used
        drawn += runs
    if unused := [option for option in asked.options if option not in used]:
        raise ConfigurationError(
            f"{' and '.join(unused)} changes nothing that {name} draws "
            f"({', '.join(figure.experiments)}): leave it out, or name another figure."
        )
    if figure.runs:
        own["runs"] = list(dict.fromkeys(drawn))
    if asked.keep and getattr(figure, "panels", None):
        own["panels"] = None
    overrides.setdefault(study, {}).setdefault("figures", {})[name.removeprefix(f"{study}-")] = own
    return overrides


class _Change:
    """What is asked for of one experiment, and which options it has used so far."""

    def __init__(self, figure: str, experiment: str, asked: Asked, written: Mapping[str, Any]):
        self.figure, self.experiment, self.asked, self.written = figure, experiment, asked, written
        self.used: set[str] = set()

    def values(self, option: str, ours: Any) -> list[Any]:
        """The values of ``keep`` or ``lr`` that are asked for; else the one that is there."""
        asked = getattr(self.asked, option)
        if asked:
            self.used.add(f"--{option}")
        return list(asked) or [ours]

    def all_of(self, option: str) -> dict[str, list[Any]]:
        """They under the names that sections with lists have."""
        key = {"keep": "keep_probs", "lr": "learning_rates"}[option]
        return {key: self.values(option, None)} if getattr(self.asked, option) else {}

    def one_of(self, option: str) -> dict[str, Any]:
        """It under the name that sections with one value have; a ConfigurationError says that there are several."""
        key, values = {"keep": "keep_prob", "lr": "learning_rate"}[option], getattr(self.asked, option)
        if len(values) > 1:
            raise ConfigurationError(f"{self.figure} takes one value of --{option}: {self.experiment} has one for all.")
        return {key: self.values(option, None)[0]} if values else {}

    def steps(self, **more: Any) -> dict[str, Any]:
        """The steps, with what then goes."""
        if self.asked.steps is None:
            return {}
        self.used.add("--steps")
        return {"steps": self.asked.steps, **more}


def _changed(workflow: Workflow, figure: Any, name: str, change: _Change) -> tuple[str, dict[str, Any], list[str]]:
    """The section of its study that an experiment stands in, what is written there, and the runs that are drawn."""
    settings = workflow.settings.experiments[name]
    if isinstance(settings, ExperimentSettings):
        drawn = [run.name for run in shown_runs(figure, TrainedExperiment(name, settings, "cpu"))]
        return ("experiments", *_of_trainings(settings, drawn, "interpolations" in figure.experiment_tables, change))
    if isinstance(settings, EquationsSettings):
        drawn = sorted(set(figure.runs or settings.runs) & set(settings.runs))
        return ("equations", *_of_equations(settings, drawn, change))
    one = {**change.all_of("keep"), **change.one_of("lr")}
    return "subnetworks", one | ({} if isinstance(settings, CnnSettings) else change.steps()), []


def _of_trainings(
    settings: Any, drawn: Sequence[str], joins: bool, change: _Change
) -> tuple[dict[str, Any], list[str]]:
    joined = settings.interpolations.runs if joins else ()
    kept = _with_starts([*drawn, *joined], settings)
    found = _Points({run: settings.runs[run].model_dump(exclude_unset=True) for run in kept}, change)
    for point in found.points.values():
        if "start" in point:
            point["start"] = found.only_one(point["start"], "draws a run that starts at the end point of")
    written: dict[str, Any] = {"grid": None} if change.written.get("grid") else {}
    written["runs"] = {run: None for run, one in change.written.get("runs", {}).items() if one} | found.points
    if joined:
        lines = [[found.only_one(run, "draws a line to") for run in pair] for pair in settings.interpolations.pairs]
        written["interpolations"] = {"pairs": lines}
    elif settings.interpolations:
        written["interpolations"] = None
    if settings.alignment and settings.alignment.keep_probs and change.asked.keep:
        written["alignment"] = change.all_of("keep")
    if steps := change.steps(flow_time=None):
        written["training"] = steps
    return written, [name for run in drawn for name in found.names[run]]


def _with_starts(drawn: Sequence[str], settings: Any) -> list[str]:
    """The runs and those at whose end points they start."""
    names = list(drawn)
    for name in names:  # grows
        if settings.runs[name].start:
            names.append(settings.runs[name].start)
    return list(dict.fromkeys(names))


def _of_equations(settings: Any, drawn: Sequence[str], change: _Change) -> tuple[dict[str, Any], list[str]]:
    written: dict[str, Any] = {}
    names: list[str] = []
    if settings.trajectories and drawn:
        points = {run: settings.runs[run].model_dump() | change.steps() for run in drawn}
        found = _Points(points, change, identity=("keep_prob", "learning_rate"))
        written["trajectories"] = {"runs": dict.fromkeys(settings.runs) | found.points}
        names = list(found.points)
    if settings.weak_errors and (both := {**change.all_of("keep"), **change.all_of("lr")}):
        written["weak_errors"] = both
    if settings.noises and (single := {**change.one_of("keep"), **change.one_of("lr"), **change.steps()}):
        written["noises"] = single
    return written, names


class _Points:
    """Runs at each keep probability and learning rate that is asked for.

    Args:
        runs: settings of each run by name.
        change: what is asked for.
        identity: keys of which no two runs may have the same values; all of them if there are none.

    Attributes:
        points: settings of each new run by name.
        names: of the new runs that came of each run.
    """

    def __init__(self, runs: Mapping[str, Mapping[str, Any]], change: _Change, identity: Sequence[str] = ()):
        self.points: dict[str, dict[str, Any]] = {}
        self.names: dict[str, list[str]] = {}
        self._change = change
        known: dict[str, str] = {}
        for run, settings in runs.items():
            keep_prob, rate = settings["keep_prob"], settings["learning_rate"]
            keeps = [keep_prob] if keep_prob == 1 else change.values("keep", keep_prob)
            rates = change.values("lr", rate)
            self.names[run] = []
            for keep in keeps:
                for lr in rates:
                    point = {**settings, "keep_prob": keep, "learning_rate": lr}
                    same = repr([point[key] for key in identity or sorted(point)])
                    name = (
                        run
                        if (keep, lr) == (keep_prob, rate)
                        else _named(run, settings, point, len(keeps) * len(rates))
                    )
                    name = known.setdefault(same, name)
                    self.points[name] = point
                    self.names[run].append(name)

    def only_one(self, run: str, does: str) -> str:
        """The run that came of a run; a ConfigurationError says that there are several."""
        if len(self.names[run]) > 1:
            where = self._change
            raise ConfigurationError(
                f"{where.figure} {does} the run '{run}' of {where.experiment}: write one value of "
                f"{' and one of '.join(option for option in where.asked.options if option != '--steps')}."
            )
        return self.names[run][0]


def _named(run: str, settings: Mapping[str, Any], point: Mapping[str, Any], many: int) -> str:
    """The name of a run at another point: the old point's numbers are taken out of it, those of the new one added."""
    old = [settings[key] for key in ("keep_prob", "learning_rate")]
    kept = [part for part in run.split("-") if _number_in(part) not in old]
    if many == 1 and len(kept) == len(run.split("-")):
        return run  # it is named after something else
    keep = point["keep_prob"]
    shown = "-".join(f"{one:g}" for one in keep) if isinstance(keep, list) else f"{keep:g}"
    return "-".join([*kept, *([] if keep == 1 else [f"keep{shown}"]), f"lr{point['learning_rate']:g}"])


def _number_in(part: str) -> float | None:
    """The number that a part of a name ends in."""
    if found := re.fullmatch(r"[a-z_]+([\d.]+(?:e-?\d+)?)", part):
        with suppress(ValueError):
            return float(found[1])
    return None
