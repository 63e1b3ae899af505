"""What every part of the typed configuration is made of."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]*$")]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=1)]
KeepProb = Annotated[float, Field(gt=0, le=1)]
Sample = Literal["trajectory", "gradients"]


class Strict(BaseModel):
    """Unknown keys are refused; numbers may be written as strings, because YAML reads 1e-3 as one."""

    model_config = ConfigDict(extra="forbid", frozen=True)
