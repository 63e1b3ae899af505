"""The settings of the examples that an experiment uses."""

from typing import Literal

from pydantic import Field

from dropscape.schema import Count, Name, Strict

# Taken where the settings leave them out.
MAX_TOKENS, MIN_FREQUENCY = 30, 2


class DataSettings(Strict):
    """Which examples an experiment trains and tests on."""

    dataset: Name = Field(
        description="Name of a dataset: a file of `dropscape/data/datasets`, or a custom one (`datasets`)."
    )
    train_examples: Count = Field(description="The first so many training examples are used.")
    test_examples: Count = Field(description="The first so many test examples are used.")
    normalisation: Literal["unit", "channel"] | None = Field(
        None,
        description="`unit`: grey levels from 0 to 1; `channel`: each colour's published mean and deviation taken out "
        "besides; null takes the dataset's default.",
    )
    max_tokens: Count | None = Field(None, description="Longer sentences are cut; null takes the dataset's default.")
    min_frequency: Count | None = Field(
        None, description="Words that are rarer in the training examples are unknown; null takes the dataset's default."
    )
