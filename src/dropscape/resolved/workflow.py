"""The resolved view of a configuration: the only one that rules, figures, claims, costs and requests see."""

import difflib
import os
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict
from functools import cached_property
from pathlib import Path
from typing import Any

from dropscape.config.configuration import Settings
from dropscape.config.study import STAGE_FORMS
from dropscape.config.user import DATASETS
from dropscape.dependencies import sha256
from dropscape.errors import ConfigurationError
from dropscape.measurement import Task
from dropscape.resolved.claims import claim_settings
from dropscape.resolved.experiment import ResolvedStageExperiment, TrainedExperiment
from dropscape.resolved.figures import figure_settings, figure_table_files
from dropscape.resolved.paths import DRAWN, ResultPaths
from dropscape.resolved.run import ResolvedRun
from dropscape.schema import to_jsonable

Experiment = TrainedExperiment | ResolvedStageExperiment


class Workflow:
    """Everything that is to be made by the merged configuration."""

    def __init__(self, settings: Settings):
        self.settings = settings
        self.user = settings.user  # what the user wrote
        self.studies = settings.selected_studies  # those that are reproduced, by name
        self.paths = ResultPaths(f"{self.user.results}/{self.user.scale}")  # where everything lies

    # ---- what there is

    @cached_property
    def figures(self) -> dict[str, Any]:
        """The figures by ``<study>-<figure>``."""
        return {
            f"{study}-{name}": figure
            for study, content in self.studies.items()
            for name, figure in content.figures.items()
        }

    @cached_property
    def study_of_figure(self) -> dict[str, str]:
        """The study of each figure."""
        return {f"{study}-{name}": study for study, content in self.studies.items() for name in content.figures}

    @cached_property
    def experiments(self) -> dict[str, Experiment]:
        """The experiments that are made, sorted by name."""
        sections = {
            name: section
            for study in self.settings.studies.values()
            for section in STAGE_FORMS
            for name in getattr(study, section)
        }
        found = {}
        for name in self.settings.made_experiments:
            settings = self.settings.experiments[name]
            found[name] = (
                ResolvedStageExperiment(name, settings, sections[name], self.user.device)
                if name in sections
                else TrainedExperiment(name, settings, self.user.device)
            )
        return found

    @cached_property
    def trained(self) -> dict[str, TrainedExperiment]:
        """The experiments whose runs are trained."""
        return {name: one for name, one in self.experiments.items() if isinstance(one, TrainedExperiment)}

    @cached_property
    def datasets(self) -> set[str]:
        """Names of the datasets that they read."""
        return {one.settings.dataset for one in self.experiments.values()} - {None}

    @cached_property
    def theory(self) -> list[tuple[str, str]]:
        """(study, table) of the theory."""
        return [(study, table) for study, content in self.studies.items() for table in content.theory.tables]

    def experiments_with(self, rule: str) -> list[str]:
        """Names of the experiments that have a job of the rule as a whole."""
        return [name for name, one in self.experiments.items() if any(task.rule == rule for task in one.tasks)]

    def run(self, wildcards: Mapping[str, str]) -> ResolvedRun:
        """The run that a job's wildcards name."""
        return self.trained[wildcards["experiment"]].runs[wildcards["run"]]

    # ---- the jobs

    def task(self, rule: str, wildcards: Mapping[str, str]) -> Task:
        """The job of a rule with these wildcards; a LookupError says that no run or experiment has such a job."""
        if "run" in wildcards:
            return self.run(wildcards).tasks[rule]
        if "experiment" in wildcards:
            rest = {key: value for key, value in wildcards.items() if key != "experiment"}
            for task in self.experiments[wildcards["experiment"]].tasks:
                if task.rule == rule and dict(task.wildcards) == rest:
                    return task
            raise LookupError(f"experiment {wildcards['experiment']} has no job of the rule {rule}")
        makers = {
            "data": lambda: self._data_settings(wildcards["dataset"]),
            "theory": lambda: getattr(self.studies[wildcards["study"]].theory, wildcards["table"]),
            "claims": lambda: claim_settings(self, wildcards["study"]),
            "claims_table": lambda: {"studies": list(self.studies)},
            "figures": lambda: figure_settings(self, wildcards["figure"]),
            "report": self._report_settings,
        }
        return Task(rule, makers[rule]())

    def job_settings(self, rule: str, wildcards: Mapping[str, str]) -> Any:
        """Everything that decides the job of a rule, as sorted plain values."""
        return to_jsonable(self.task(rule, wildcards).settings)

    def _data_settings(self, dataset: str) -> dict[str, Any]:
        """Where the dataset comes from, and nothing that its source does not read; files of a folder by content."""
        function = self.user.datasets.get(dataset)
        source = None if function else self.user.source_of(dataset)
        subfolder = Path(self.user.directory or "") / dataset
        directory = (str(subfolder) if subfolder.is_dir() else self.user.directory) if source == "directory" else None
        cache = self.user.download_cache if source == "official" else None
        files = {} if directory is None else {str(path): sha256(path) for path in DATASETS[dataset].files_in(directory)}
        places = {"directory": directory, "files": files, "download_cache": cache}
        return {"function": function, "source": source} | places

    def _report_settings(self) -> dict[str, Any]:
        """Which papers there are, what the report says of each figure, and what the user asked for."""
        asked = ("scale", "source", "device", "seeds", "studies", "experiments")  # no key that changes no result
        written = self.user.model_dump(mode="json", include=set(asked))
        return {
            "papers": [{"study": name} | study.paper.model_dump() for name, study in self.studies.items()],
            "figures": {
                name: {
                    "study": self.study_of_figure[name],
                    "paper_reference": figure.paper_reference,
                    "caption": figure.caption.format(reference=figure.paper_reference),
                    "scatter": figure.scatter and asdict(figure.scatter),
                }
                for name, figure in self.figures.items()
            },
            "configuration": {key: written[key] for key in asked if written[key]},
        }

    # ---- the inputs of jobs

    def samples(self, wildcards: Mapping[str, str]) -> dict[str, str]:
        """File of each sample of the noise that a run takes, by its name."""
        run, folders = self.run(wildcards), {"trajectory": "training", "gradients": "sampling"}
        where = (run.experiment, run.name)
        return {name: self.paths.run(*where, folders[name], name, "safetensors") for name in run.samples}

    def start(self, wildcards: Mapping[str, str]) -> str | list[str]:
        """The end point at which a run starts, if it is another run's."""
        run = self.run(wildcards)
        return self.paths.run(run.experiment, run.start, "training", "model", "safetensors") if run.start else []

    def dataset(self, wildcards: Mapping[str, str]) -> str | list[str]:
        """The prepared dataset of an experiment; none where it makes its own examples."""
        dataset = self.experiments[wildcards["experiment"]].settings.dataset
        return self.paths.dataset(dataset, "safetensors") if dataset else []

    def description(self, experiment: str) -> str:
        """The description of an experiment's data; one that makes its own examples writes it beside its tables."""
        one = self.experiments[experiment]
        if one.settings.dataset:
            return self.paths.dataset(one.settings.dataset, "json")
        return self.paths.experiment(experiment, one.section, "data", "json")

    def figure_tables(self, figure: str) -> list[str]:
        """The tables that a figure draws."""
        return sorted(_paths(figure_table_files(self, figure)))

    def figure_descriptions(self, figure: str) -> list[str]:
        """The descriptions of the data of a figure's experiments, in their order."""
        return [self.description(name) for name in self.figures[figure].experiments]

    def claim_tables(self, study: str) -> list[str]:
        """The tables that a study's claims are judged on."""
        return sorted(_paths(self.job_settings("claims", {"study": study})["tables"]))

    def claim_descriptions(self, study: str) -> list[str]:
        """The descriptions of the data that a study's claims are about."""
        return sorted(set(self.job_settings("claims", {"study": study})["descriptions"].values()))

    # ---- the report

    def report_files(self) -> list[str]:
        """Every file of every figure."""
        endings = (*DRAWN, "csv", "summary.csv", "json")
        return [self.paths.figure(figure, ending) for figure in self.figures for ending in endings]

    def report_category(self, figure: str) -> str:
        """Such as ``Paper A, noise structure``.

        It has no colon: Snakemake writes it into reStructuredText as the name of a link target, which a colon ends.
        """
        study = self.study_of_figure[figure]
        return f"Paper {self.studies[study].paper.letter}, {study.replace('_', ' ')}"

    def report_labels(self, figure: str) -> dict[str, str]:
        """What the report's list says of a figure.

        One label, as every result has: of another one with two values, each of half of the results, Snakemake makes a
        switch between pairs, and its page turns blank where there are none.
        """
        settings = self.figures[figure]
        return {"result": f"{figure}: {settings.kind.replace('_', ' ')}, {settings.paper_reference}"}

    # ---- targets

    def check_sizes(self, names: Iterable[str]) -> None:
        """Refuse experiments that ask for more examples than their source has, as far as that is known.

        They are all named in one ConfigurationError.
        """
        asked: dict[tuple[str, str, int], list[tuple[int, str]]] = {}
        for name in sorted(names):
            one = self.experiments[name]
            dataset = one.settings.dataset
            kind, source = (self.user.kind_of(dataset), self.user.source_of(dataset)) if dataset else (None, None)
            if not kind or source not in kind.sizes:
                continue
            runs = one.runs.values() if isinstance(one, TrainedExperiment) else []
            wanted = max([one.settings.data.train_examples, *(run.train_examples for run in runs)])
            counts = {"train": wanted, "test": one.settings.data.test_examples}
            for (split, count), available in zip(counts.items(), kind.sizes[source], strict=True):
                if count > available:
                    asked.setdefault((kind.title, split, available), []).append((count, name))
        if asked:
            said = [
                f"{name} asks for {count:,} {split}_examples of the {available:,} of {title}"
                for (title, split, available), (count, name) in ((key, max(found)) for key, found in asked.items())
            ]
            raise ConfigurationError(
                f"source is {self.user.source}, which has too few examples: {'; '.join(said)}. Write source: official "
                "or directory (make ... SOURCE=official), another scale, or fewer examples."
            )

    def named_targets(self) -> dict[str, list[str]]:
        """Files by the name of a figure, without its study where no other has one, and of a study's figures."""
        named = {figure: [self.paths.figure(figure, ending) for ending in DRAWN] for figure in self.figures}
        short: dict[str, list[str]] = {}
        for figure, study in self.study_of_figure.items():
            short.setdefault(study, []).extend(named[figure])
            short.setdefault(figure.removeprefix(f"{study}-"), []).extend(named[figure])
        return named | {
            name: files for name, files in short.items() if name in self.studies or len(files) == len(DRAWN)
        }

    def check_targets(self, targets: Collection[str], known: Collection[str]) -> None:
        """Refuse what cannot be made before Snakemake looks for its rules, where it suggests nothing.

        ``targets`` are those of the command line (none: everything), ``known`` the names of rules without wildcards. A
        ConfigurationError says that a target without a folder is almost the name of one, or a figure of several
        studies; that a source has too few examples for what is to be made, or that its folder is not there.
        """
        if self.user.directory and not Path(self.user.directory).is_dir():
            raise ConfigurationError(
                f"directory is '{self.user.directory}', which is no folder: write the one with the official files."
            )
        made: set[str] = set()
        for target in targets:
            several = [figure for figure in self.figures if figure.partition("-")[2] == target]
            if target in ("all", "everything") or target in self.studies:
                made |= set(self.experiments)
            elif target in known:
                for figure in self.figures.keys() & {target, *several}:
                    made |= set(self.figures[figure].experiments)
            elif "/" not in target:
                stem = re.sub(r"\.(pdf|png|svg)$", "", target.lower())
                if near := several or difflib.get_close_matches(stem, known, cutoff=0.7):
                    why = "a figure of several studies" if several else "no target"
                    raise ConfigurationError(f"'{target}' is {why}: write {' or '.join(near)}.")
        self.check_sizes(made if targets else self.experiments)

    # ---- modules that jobs import by name

    def named_modules(self, rule: str, wildcards: Mapping[str, str], loads_networks: bool) -> list[str]:
        """The modules that a job imports by a name which is only known when it runs.

        ``loads_networks`` says whether the rule's script builds networks.
        """
        if rule == "figures":
            kind = self.figures[wildcards["figure"]].kind
            return [f"figures.{kind}.table", f"figures.{kind}.drawing"]
        if rule == "theory":
            return [f"theory.tables.{wildcards['table']}"]
        if rule == "data":
            return [] if wildcards["dataset"] in self.user.datasets else [f"data.datasets.{wildcards['dataset']}"]
        if rule == "claims":
            claims = self.studies[wildcards["study"]].claims.values()
            names = {one.name for claim in claims for one in (claim.statistic, claim.control_statistic) if one}
            return [f"claims.statistics.{name}" for name in sorted(names)]
        if loads_networks and wildcards.get("experiment") in self.trained:
            return [f"models.networks.{self.trained[wildcards['experiment']].settings.model.name}"]
        return []

    def custom_functions(self, rule: str, wildcards: Mapping[str, str], loads_networks: bool) -> dict[str, str]:
        """The user's functions that a job calls, ``package.module:function`` by the key that names each."""
        if rule == "data":
            function, key = self.user.datasets.get(wildcards["dataset"]), f"datasets.{wildcards['dataset']}"
        elif loads_networks and wildcards.get("experiment") in self.trained:
            experiment = wildcards["experiment"]
            function = getattr(self.trained[experiment].settings.model, "function", None)
            key = f"model.function of experiment '{experiment}'"
        else:
            return {}
        return {key: function} if function else {}

    def outputs(self) -> list[str]:
        """Everything that a whole run makes, but for the claims and the report."""
        return [self.paths.figure(figure, ending) for figure in self.figures for ending in DRAWN]


def _paths(tables: Any) -> Iterable[str]:
    """Every path in a nested mapping."""
    if isinstance(tables, Mapping):
        for value in tables.values():
            yield from _paths(value)
    else:
        yield os.fspath(tables)
