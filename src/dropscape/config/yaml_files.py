"""Reading YAML files; what is wrong in one is said with its line."""

from collections.abc import Hashable
from pathlib import Path
from typing import Any

import yaml

from dropscape.errors import ConfigurationError

_SafeLoader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # libyaml's, if there: each job reads all files anew


class _Loader(_SafeLoader):
    """Refuses a key that stands twice, of which YAML takes the last without a word."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        lines: dict[str, int] = {}
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                continue
            line = key.start_mark.line + 1
            if key.value in lines:
                raise ConfigurationError(
                    f"line {line} has the key '{key.value}' again, which stands in line {lines[key.value]} already: "
                    "write it once, with all that is below either"
                )
            lines[key.value] = line
        return super().construct_mapping(node, deep)


def read_yaml(path: Path) -> dict[str, Any]:
    """The mapping in a YAML file, empty if the file is.

    A ConfigurationError says that there is no such file, or that it holds something else, or a key twice.
    """
    try:
        text = path.read_text(encoding="utf-8")
        content = _Loader(text).get_single_data()
    except FileNotFoundError:
        raise ConfigurationError(f"{path} does not exist: write another file, or restore it.") from None
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read ({error.strerror}): make it a readable file.") from None
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"{path} is not UTF-8 text (byte {error.start}): save it as UTF-8.") from None
    except ConfigurationError as error:
        raise ConfigurationError(f"In {path}, {error}.") from None
    except yaml.YAMLError as error:
        raise ConfigurationError(f"In {path}, {_explained(error, text)}.") from None
    if content is not None and not isinstance(content, dict):
        raise ConfigurationError(f"{path} holds a {type(content).__name__}: write `key: value` lines.")
    return content or {}


def _explained(error: yaml.YAMLError, text: str) -> str:
    if not isinstance(error, yaml.MarkedYAMLError) or error.problem_mark is None:
        return " ".join(str(error).split())
    line, column = error.problem_mark.line, error.problem_mark.column
    if text.splitlines()[line : line + 1] and "\t" in text.splitlines()[line][: column + 1]:
        return f"line {line + 1} begins with a tab: write spaces"
    return f"line {line + 1}, column {column + 1} is no YAML ({error.problem}): correct it"
