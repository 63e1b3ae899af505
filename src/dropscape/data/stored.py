"""What every dataset is on disk: tensors, and everything else as json."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from dropscape.errors import ConfigurationError, DataError


class Stored:
    """A dataclass whose fields are what an artifact holds: tensors ``train_...`` and ``test_...``, a description."""

    description: Mapping[str, Any]

    @property
    def tensors(self) -> dict[str, Tensor]:
        """The tensors by attribute name."""
        return {name: value for name, value in vars(self).items() if isinstance(value, Tensor)}

    @property
    def metadata(self) -> dict[str, Any]:
        """Everything else, as json can hold it."""
        return {name: value for name, value in vars(self).items() if not isinstance(value, Tensor)}

    def first(self, train_examples: int, test_examples: int) -> dict[str, Tensor]:
        """Take the first examples of every tensor, as views; an error says that there are fewer."""
        wanted = {"train": train_examples, "test": test_examples}
        taken = {}
        for name, value in self.tensors.items():
            split = name.partition("_")[0]
            self._check_number(split, wanted[split], len(value))
            taken[name] = value[: wanted[split]]
        return taken

    def _check_number(self, split: str, wanted: int, available: int) -> None:
        key = f"`{split}_examples` in the study or scale file"
        if wanted < 1:
            raise ConfigurationError(f"The experiment asks for {wanted} {split} examples ({key}); write at least 1.")
        if wanted > available:
            raise DataError(
                f"The experiment asks for {wanted:,} {split} examples ({key}), but the data has {available:,} "
                f"(`source: {self.description['source']}`; {self.description['label']}); write at most {available} "
                "there, or another `source` in the configuration."
            )
