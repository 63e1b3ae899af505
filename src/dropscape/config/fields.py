"""What every part of the typed configuration is made of."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag

NAME_PATTERN = r"^[a-z0-9][a-z0-9._-]*$"
Name = Annotated[str, Field(pattern=NAME_PATTERN)]
Function = Annotated[str, Field(pattern=r"^[A-Za-z_][\w.]*:[A-Za-z_]\w*$")]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=1)]
KeepProb = Annotated[float, Field(gt=0, le=1)]
Sample = Literal["trajectory", "gradients"]

# Stand in the place of an error, where nobody wrote them.
ONE, MANY, BY_NAME = "(one)", "(list)", "(by name)"


def one_or_many(kind: Any) -> Any:
    """The type of a key that takes a single value or a list of them; an error is about the form that was written."""
    choice = Discriminator(lambda value: MANY if isinstance(value, list) else ONE)
    return Annotated[Annotated[kind, Tag(ONE)] | Annotated[list[kind], Tag(MANY)], choice]


def one_or_by_name(kind: Any) -> Any:
    """The type of a key that takes a single value or one for each name; an error is about the form that was written."""
    choice = Discriminator(lambda value: BY_NAME if isinstance(value, dict) else ONE)
    return Annotated[Annotated[kind, Tag(ONE)] | Annotated[dict[Name, kind], Tag(BY_NAME)], choice]


class Strict(BaseModel):
    """Unknown keys are refused; numbers may be written as strings, because YAML reads 1e-3 as one."""

    model_config = ConfigDict(extra="forbid", frozen=True)
