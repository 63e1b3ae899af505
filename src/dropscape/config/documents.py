"""The two documents that are made from the typed configuration: its JSON schema and its reference page.

``python -m dropscape.config.documents --write`` writes both; without ``--write`` it only says which are out of date.
"""

import argparse
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from dropscape.config.configuration import Settings
from dropscape.schema import NAME_PATTERN

COMMAND = "python -m dropscape.config.documents --write"
SCHEMA = "workflow/schemas/settings.schema.json"
PAGE = "docs/configuration.md"

MANY_FORMS = 8  # of a section, from which on they are one table
_TYPES = {"integer": "whole number", "number": "number", "string": "text", "boolean": "true or false", "object": "keys"}
_BOUNDS = {"exclusiveMinimum": "above", "minimum": "at least", "exclusiveMaximum": "below", "maximum": "at most"}

_INTRODUCTION = f"""\
<!-- Generated from the typed settings; do not edit. To write it anew: {COMMAND} -->
# Configuration

Generated from the typed settings in `src/dropscape/config/` by `{COMMAND}`.

## Where a value comes from

Four layers are laid over each other. A later one wins, key by key; lists and single values are replaced as a whole.

1. `config/studies/*.yaml`: one file a paper, every experiment at the paper's own size.
2. `config/scales/<scale>.yaml`: what `smoke` and `quick` make smaller; `paper` changes nothing.
3. `overrides` in `config/config.yaml`: any part of any study, for your own experiments.
4. `seeds` in `config/config.yaml`: the seeds of every run.

`config/config.yaml` is the one file that you need to edit. On the command line, `--configfile FILE`
(`make reproduce CONFIG=FILE`) lays another file over it and `--config key=value` lays single keys over both, for
example `snakemake --cores all --config scale=smoke 'seeds=[0, 1, 2]'`.

`null` in place of a section or a run (anything that holds keys of its own) takes it out; in place of a single value it
is the value null. Numbers may be written as `1e-3`. An unknown key, a value out of range or a name that refers to
nothing ends the workflow before any job, with a sentence that names the key. A changed value reruns only what depends
on it.

## Example: another learning rate for one run

Write this into `config/config.yaml`. The first line of `runs` replaces a learning rate under its old name; the second
adds a run under a name that tells what it is; the third leaves a run out.

```yaml
overrides:
  noise_structure:
    experiments:
      mnist_fnn:
        runs:
          keep0.9-lr0.1: {{learning_rate: 0.05}}
          keep0.8-lr0.05: {{keep_prob: 0.8, learning_rate: 0.05}}
          keep0.5-lr0.1: null
```

The merged configuration of the workflow is described by the JSON schema `{SCHEMA}`; its part
`#/$defs/UserSettings` describes `config/config.yaml`, for editors that check and complete YAML.
"""


def schema() -> dict[str, Any]:
    """The JSON schema of the whole merged configuration; ``$defs.UserSettings`` is that of the user's file."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$comment": f"Generated from the typed settings by `{COMMAND}`; do not edit.",
    } | _without_titles(Settings.model_json_schema())


def page() -> str:
    """The reference page: how files merge, then every key with type, range, default and meaning."""
    definitions = Settings.model_json_schema()["$defs"]
    chunks = [
        _INTRODUCTION,
        "## The user's file: `config/config.yaml`\n",
        _table(definitions["UserSettings"]),
        "## Study files: `config/studies/<study>.yaml`\n",
        "The same keys, below the study's name, stand in scale files and in `overrides`. Its claims may also stand in "
        "`config/claims/<study>.yaml`.\n",
        _table(definitions["StudySettings"]),
        *_sections(definitions, "StudySettings", ""),
    ]
    return "\n".join(chunks)


def documents() -> dict[str, str]:
    """The content of each generated document by its path in the repository."""
    return {SCHEMA: json.dumps(schema(), indent=2, ensure_ascii=False) + "\n", PAGE: page()}


def out_of_date(root: Path) -> list[str]:
    """The documents that are missing from ``root`` or differ from what the settings say."""
    return [
        path
        for path, content in documents().items()
        if not (root / path).is_file() or (root / path).read_text() != content
    ]


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the documents, or say which are out of date; 0 if none is."""
    parser = argparse.ArgumentParser(prog="python -m dropscape.config.documents", description=__doc__)
    parser.add_argument("--write", action="store_true", help="write them instead of only checking them")
    parser.add_argument("--root", type=Path, default=Path(), help="the repository; the current folder unless given")
    options = parser.parse_args(arguments)
    stale = out_of_date(options.root)
    if not options.write:
        for path in stale:
            print(f"{path} does not match the settings: run `{COMMAND}` and commit it.", file=sys.stderr)
        return bool(stale)
    for path in stale:
        (options.root / path).parent.mkdir(parents=True, exist_ok=True)
        (options.root / path).write_text(documents()[path])
        print(f"wrote {path}")
    return 0


def _sections(definitions: Mapping[str, Any], name: str, path: str) -> Iterator[str]:
    """A section for each model that the keys of the model ``name`` hold, depth first."""
    for key, field in definitions[name]["properties"].items():
        inner, many = _inner(field)
        at = f"{path}{key}" + (f".<{key.removesuffix('s')}>" if many else "")
        if len(inner) > MANY_FORMS:
            yield from _forms_table([definitions[one] for one in inner], at)
            yield from dict.fromkeys(text for one in inner for text in _sections(definitions, one, f"{at}."))
            continue
        for one in inner:
            yield f"### `{at}`\n" if len(inner) == 1 else f"### `{at}` with {_told_by(definitions[one])}\n"
            yield f"{definitions[one]['description']}\n"
            yield _table(definitions[one])
            yield from _sections(definitions, one, f"{at}.")


def _forms_table(forms: Sequence[Mapping[str, Any]], path: str) -> Iterator[str]:
    """One table of many forms of a section: the keys that all have, then each form with those that only it has."""
    shared = set.intersection(*(set(form["properties"]) for form in forms))
    told_by = next(key for key in forms[0]["properties"] if "const" in forms[0]["properties"][key])
    keys = [key for key in forms[0]["properties"] if key in shared and key != told_by]
    yield f"### `{path}`\n"
    yield f"`{told_by}` says which of these it is.\n"
    if keys:
        yield _table(forms[0] | {"properties": {key: forms[0]["properties"][key] for key in keys}})
    yield f"| `{told_by}` | what it is | further keys |\n|---|---|---|"
    for form in forms:
        further = "<br>".join(
            f"`{key}`: {_kind(field)}{'' if key in form['required'] else f', default {_default(form, key)}'}. "
            f"{field['description']}"
            for key, field in form["properties"].items()
            if key not in shared
        )
        yield f"| `{form['properties'][told_by]['const']}` | {form['description'].partition(chr(10))[0]} | {further} |"
    yield ""


def _told_by(model: Mapping[str, Any]) -> str:
    """The key, and its value if it has only some, by which a form of a section is told from the others."""
    for key, field in model["properties"].items():
        if "const" in field or (key == "name" and "enum" in field):
            return f"{key} {_kind(field)}"
    return next(f"`{key}`" for key in model["properties"])


def _table(model: Mapping[str, Any]) -> str:
    lines = ["| key | type and range | default | meaning |", "|---|---|---|---|"]
    for key, field in model["properties"].items():
        lines.append(f"| `{key}` | {_kind(field)} | {_default(model, key)} | {field['description']} |")
    return "\n".join(lines) + "\n"


def _default(model: Mapping[str, Any], key: str) -> str:
    if key in model.get("required", []):
        return "(required)"
    default = model["properties"][key]["default"]
    # JSON is YAML, but a text needs no quotes.
    return f"`{default if isinstance(default, str) else json.dumps(default, ensure_ascii=False)}`"


def _kind(field: Mapping[str, Any]) -> str:
    """Type and range in words."""
    options = field.get("anyOf") or field.get("oneOf")
    if options and not ("oneOf" in field and any("$ref" in option for option in options)):
        return "; or ".join(_kind(option) for option in options)
    if "enum" in field or "const" in field:
        return ", ".join(f"`{value}`" for value in field.get("enum", [field.get("const")]))
    if field.get("type") == "array":
        smallest, largest = field.get("minItems"), field.get("maxItems")
        size = "" if smallest is None else f" of {smallest}" if smallest == largest else f" (at least {smallest})"
        return f"list{size} of: {_kind(field['items'])}"
    inner, many = _inner(field)
    if inner:
        return "a section for each name" if many else "section"
    if field["type"] == "null":
        return "null"
    if field.get("pattern") == NAME_PATTERN:
        return "name (a-z, 0-9, `.`, `_`, `-`)"
    bounds = [f"{word} {field[key]:g}" for key, word in _BOUNDS.items() if key in field]
    return f"{_TYPES[field['type']]} {' and '.join(bounds)}".strip()


def _inner(field: Mapping[str, Any]) -> tuple[list[str], bool]:
    """The models that a key may hold (of one of them each, told apart by a key), and whether it holds many by name."""
    for option in field.get("anyOf", [field]):
        if forms := _forms(option) or _forms(option.get("items", {})):
            return forms, False
        for values in (option.get("additionalProperties"), *option.get("patternProperties", {}).values()):
            if isinstance(values, Mapping) and _forms(values):
                return _forms(values), True
    return [], False


def _forms(field: Mapping[str, Any]) -> list[str]:
    """The models of which the value is one."""
    options = (option for option in field.get("oneOf", [field]) if "$ref" in option)
    return [option["$ref"].rpartition("/")[2] for option in options]


def _without_titles(content: Any) -> Any:
    """The titles that pydantic makes up from the keys say nothing that the keys do not."""
    if isinstance(content, dict):
        return {
            key: _without_titles(value)
            for key, value in content.items()
            if key != "title" or not isinstance(value, str)
        }
    if isinstance(content, list):
        return [_without_titles(value) for value in content]
    return content


if __name__ == "__main__":
    sys.exit(main())
