"""The types that every typed setting is made of."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Discriminator, Field, Tag, model_validator
from pydantic_core import PydanticCustomError

from dropscape.errors import suggested

NAME_PATTERN = r"^[a-z0-9][a-z0-9._-]*$"
FUNCTION_PATTERN = r"^[A-Za-z_][\w.]*:[A-Za-z_]\w*$"
# What each means, after "write".
PATTERNS = {
    NAME_PATTERN: "small letters, digits, dots, underscores and hyphens, a letter or a digit first",
    FUNCTION_PATTERN: "package.module:function",
}
Name = Annotated[str, Field(pattern=NAME_PATTERN)]
Function = Annotated[str, Field(pattern=FUNCTION_PATTERN)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=1)]
KeepProb = Annotated[float, Field(gt=0, le=1)]
Sample = Literal["trajectory", "gradients"]


# Marks a key, in the metadata of its type, that decides speed, memory or how finely a history is recorded, and none of
# the numbers that are compared with a paper's: where it is not the paper's, no figure says so. Every other key counts.
SPEED_ONLY = "speed only"


def _distinct(seeds: list[int]) -> list[int]:
    if len(set(seeds)) != len(seeds):
        raise ValueError(f"{seeds} names a seed twice: write each once")
    return seeds


# Below 2^63, so that tables can hold them.
Seeds = Annotated[list[Annotated[int, Field(ge=0, lt=2**63)]], Field(min_length=1), AfterValidator(_distinct)]

# Tags of the forms of a key; pydantic puts them into the place of an error, where nobody wrote them.
ONE, MANY, BY_NAME = "(one)", "(list)", "(by name)"


def one_or_many(kind: Any) -> Any:
    """The type of a key that takes a single value or a list; an error is about the form that was written."""
    choice = Discriminator(lambda value: MANY if isinstance(value, list) else ONE)
    return Annotated[Annotated[kind, Tag(ONE)] | Annotated[list[kind], Tag(MANY)], choice]


def one_or_by_name(kind: Any) -> Any:
    """The type of a key that takes a single value or one for each name; an error is about the form that was written."""
    choice = Discriminator(lambda value: BY_NAME if isinstance(value, dict) else ONE)
    return Annotated[Annotated[kind, Tag(ONE)] | Annotated[dict[Name, kind], Tag(BY_NAME)], choice]


class Strict(BaseModel):
    """Settings that refuse unknown keys, and true or false for a number.

    Numbers may be written as strings, because YAML reads 1e-3 as one.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _known_keys(cls, written: Any):
        if isinstance(written, dict):
            for key in written:
                if key not in cls.model_fields:
                    nearest = suggested(str(key), cls.model_fields)
                    raise PydanticCustomError("unknown_key", "write {suggested}", {"key": key, "suggested": nearest})
            for key, value in written.items():
                values = value if isinstance(value, list) else [value]
                if any(isinstance(one, bool) for one in values) and not cls._takes_bool(key):
                    raise ValueError(f"{key} is {str(value).lower()}: write a number, or a text in quotes")
        return written

    @classmethod
    def _takes_bool(cls, key: str) -> bool:
        annotation = cls.model_fields[key].annotation
        return annotation is Any or "bool" in str(annotation) or "Any" in str(annotation)


def to_jsonable(settings: Any) -> Any:
    """Settings as sorted plain values: Snakemake compares parameters as text."""
    if isinstance(settings, BaseModel):
        settings = settings.model_dump(mode="json")
    if isinstance(settings, dict):
        return {key: to_jsonable(settings[key]) for key in sorted(settings)}
    if isinstance(settings, list | tuple):
        return [to_jsonable(value) for value in settings]
    return settings
