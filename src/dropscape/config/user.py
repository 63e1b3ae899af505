"""The typed configuration that a user edits, ``config/config.yaml``."""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from dropscape.data.kind import DatasetKind
from dropscape.discovery import subclasses, submodules
from dropscape.errors import suggested
from dropscape.schema import Count, Function, Name, Positive, Seeds, Strict, one_or_by_name

DATASETS = {
    name: kind
    for name, module in submodules("dropscape.data.datasets").items()
    for kind in subclasses({name: module}, DatasetKind)
}
Source = Literal["official", "directory", "embedded"]


class UserSettings(Strict):
    """`config/config.yaml`, the one file a user edits."""

    scale: Literal["smoke", "quick", "desktop", "paper"] = Field("quick", description="Size of the reproduction.")
    source: one_or_by_name(Source) = Field(
        "embedded",
        description="Where data comes from; or where each dataset does, `embedded` for those not named, for example "
        "{mnist: directory, cifar10: directory}.",
    )
    directory: str | None = Field(
        None,
        description="For source `directory`: the folder with the official files, or one that holds a folder for each "
        "dataset, by its name.",
    )
    download_cache: str = Field("downloads", description="Folder that source `official` downloads into.")
    datasets: dict[Name, Function] = Field(
        {}, description="Custom datasets by name: `package.module:function` that returns images and labels."
    )
    device: Literal["auto", "cpu", "cuda"] = Field("auto", description="`auto` takes a GPU where there is one.")
    threads: Count = Field(1, description="CPU threads of one job; jobs run side by side on the remaining cores.")
    gpu_slots: Count = Field(
        4,
        description="How many jobs share a GPU of one machine (profile gpu); one that needs much of its memory takes "
        "the place of several. Changing it reruns nothing.",
    )
    checkpoint_seconds: Positive = Field(
        30.0, description="A training saves its state this often; changing it reruns nothing."
    )
    rerun_versions: bool = Field(
        False, description="Whether what other versions of torch, numpy, scipy or numba made is made again."
    )
    container: str | None = Field(
        None,
        description="Image that every job runs in with `--sdm apptainer`: a file such as dropscape.sif, or an address.",
    )
    results: str = Field("results", description="Folder of everything generated.")
    seeds: Seeds | None = Field(None, description="Seeds of every run; null takes those of the study and the scale.")
    studies: Annotated[list[Name], Field(min_length=1)] | None = Field(
        None, description="Studies to reproduce; null means all."
    )
    experiments: Annotated[list[Name], Field(min_length=1)] | None = Field(
        None,
        description="Experiments to reproduce; null means all. Figures then show these, and figures, claims and theory "
        "that are of none of them are left out.",
    )
    figures: Annotated[list[Name], Field(min_length=1)] | None = Field(
        None,
        description="Figures to reproduce, such as [noise_structure-fig2d], or [fig2d] where one paper alone has it; "
        "null means all. Experiments, claims and theory that are of none of them are left out.",
    )
    overrides: dict[str, Any] = Field(
        {},
        description="Any part of the studies, written last over study and scale, for example "
        "{noise_structure: {experiments: {mnist_fnn: {loss: cross_entropy}}}}.",
    )

    @field_validator("overrides", mode="before")
    @classmethod
    def _empty(cls, written: Any) -> Any:
        return {} if written is None else written

    @field_validator("results", "directory", "download_cache")
    @classmethod
    def _folder(cls, written: str | None, info: Any) -> str | None:
        if written is None:
            return None
        if not written.strip() or "{" in written or "}" in written:
            raise ValueError(f"'{written}' is no folder: write a path without braces, such as {info.field_name}")
        # An address has two slashes, of which a path would lose one.
        return written if "://" in written else str(Path(written).expanduser())

    @model_validator(mode="after")
    def _sources(self):
        if isinstance(self.source, dict):
            for dataset, source in self.source.items():
                self.check_dataset("source", dataset)
                if dataset in self.datasets:
                    raise ValueError(f"source names '{dataset}', whose function under datasets makes it: leave it out")
                if source not in DATASETS[dataset].sources():
                    raise ValueError(
                        f"source names '{source}' for {dataset}: write one of {', '.join(DATASETS[dataset].sources())}"
                    )
        sources = [self.source] if isinstance(self.source, str) else self.source.values()
        if "directory" in sources and not self.directory:
            raise ValueError(
                "source is 'directory' but directory is empty: write directory: path/to/the/official/files"
            )
        if self.directory and "directory" not in sources:
            raise ValueError(
                f"directory is '{self.directory}', but no dataset comes from there: write source: directory, or "
                "source: {<dataset>: directory} for one"
            )
        return self

    def source_of(self, dataset: str) -> str:
        """Where the dataset comes from; generated points have no other source than themselves."""
        if dataset in DATASETS and DATASETS[dataset].sources() == ["embedded"]:
            return "embedded"
        return self.source if isinstance(self.source, str) else self.source.get(dataset, "embedded")

    def title_of(self, dataset: str) -> str:
        """What figures call a dataset."""
        return DATASETS[dataset].title if dataset in DATASETS and dataset not in self.datasets else dataset

    def kind_of(self, dataset: str) -> type[DatasetKind] | None:
        """What is known of a dataset before it is read; None for a custom one."""
        return None if dataset in self.datasets else DATASETS[dataset]

    def check_dataset(self, who: str, dataset: str) -> None:
        """Raise a ValueError with the nearest name for a dataset that is neither dropscape's nor the user's."""
        known = [*DATASETS, *self.datasets]
        if dataset not in known:
            raise ValueError(
                f"{who} names the dataset '{dataset}': write {suggested(dataset, known)}, or add it to datasets in "
                "config/config.yaml"
            )
