"""The typed configuration that a user edits, ``config/config.yaml``."""

import difflib
from typing import Annotated, Any, Literal

from pydantic import Field

from dropscape.data.kind import DatasetKind
from dropscape.discovery import subclasses, submodules
from dropscape.schema import Count, Function, Name, Positive, Strict, one_or_by_name

DATASETS = {
    name: kind
    for name, module in submodules("dropscape.data.datasets").items()
    for kind in subclasses({name: module}, DatasetKind)
}
Source = Literal["official", "directory", "embedded"]


class UserSettings(Strict):
    """`config/config.yaml`, the one file a user edits."""

    scale: Literal["smoke", "quick", "paper"] = Field("quick", description="Size of the reproduction.")
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
    checkpoint_seconds: Positive = Field(
        30.0, description="A training saves its state this often; changing it reruns nothing."
    )
    results: str = Field("results", description="Folder of everything generated.")
    seeds: list[int] | None = Field(
        None, description="Seeds of every run; null takes those of the study and the scale."
    )
    studies: list[Name] | None = Field(None, description="Studies to reproduce; null means all.")
    experiments: Annotated[list[Name], Field(min_length=1)] | None = Field(
        None,
        description="Experiments to reproduce; null means all. Figures then show these, and figures, claims and theory "
        "that are of none of them are left out.",
    )
    overrides: dict[str, Any] = Field(
        {},
        description="Any part of the studies, written last over study and scale, for example "
        "{noise_structure: {experiments: {mnist_fnn: {loss: cross_entropy}}}}.",
    )

    def source_of(self, dataset: str) -> str:
        """Where the dataset comes from; generated points have no other source than themselves."""
        if dataset in DATASETS and DATASETS[dataset].sources() == ["embedded"]:
            return "embedded"
        return self.source if isinstance(self.source, str) else self.source.get(dataset, "embedded")

    @property
    def reads_directory(self) -> bool:
        """Whether any dataset comes from the folder ``directory``."""
        return "directory" in ([self.source] if isinstance(self.source, str) else self.source.values())

    def title_of(self, dataset: str) -> str:
        """What figures call a dataset."""
        return DATASETS[dataset].title if dataset in DATASETS and dataset not in self.datasets else dataset

    def check_dataset(self, experiment: str, dataset: str) -> None:
        """Raise a ValueError with the nearest name for a dataset that is neither dropscape's nor the user's."""
        known = [*DATASETS, *self.datasets]
        if dataset not in known:
            nearest = difflib.get_close_matches(dataset, known, 1)
            raise ValueError(
                f"experiment '{experiment}' uses the dataset '{dataset}': write "
                + (f"{nearest[0]}, or " if nearest else "")
                + f"one of {', '.join(known)}, or add it to datasets in config/config.yaml"
            )
