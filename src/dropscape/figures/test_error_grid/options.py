"""The options of a figure of kind ``test_error_grid``."""

from pydantic import Field

from dropscape.figures.settings import ObjectiveFigure


class TestErrorGrid(ObjectiveFigure):
    """Test error by the number of training examples and the keep probability (paper B, Fig. 8)."""

    run_tables = ("predictions",)
    several_experiments = True
    caption = "The test error is shown by the training examples and the keep probability ({reference})."
    level: float | None = Field(None, description="A number of examples that is drawn as a line.")
