"""The options of a figure of kind ``test_error_grid``."""

from typing import ClassVar, Literal

from pydantic import Field

from dropscape.figures.settings import ObjectiveFigure


class TestErrorGrid(ObjectiveFigure):
    """Test error by the number of training examples and the keep probability (paper B, Fig. 8)."""

    run_tables: ClassVar = ("history",)
    several_experiments: ClassVar = True
    caption: ClassVar = "The test error is shown by the training examples and the keep probability ({reference})."
    kind: Literal["test_error_grid"]
    level: float | None = Field(None, description="A number of examples that is drawn as a line.")
