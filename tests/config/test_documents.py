"""The generated documents: up to date, complete, and true."""

import json

import jsonschema
import pytest
import yaml

from dropscape.config import documents
from dropscape.config.configuration import Settings, UserSettings
from dropscape.config.load import SCALES


def test_documents_are_up_to_date(root):
    stale = documents.out_of_date(root)
    assert not stale, f"{', '.join(stale)}: out of date; run `{documents.COMMAND}` and commit what it writes"


def test_every_key_has_a_meaning():
    models = {"Settings": documents.schema(), **documents.schema()["$defs"]}
    silent = [
        f"{name}.{key}"
        for name, model in models.items()
        for key, field in model["properties"].items()
        if not field.get("description", "").endswith(".") and "const" not in field
    ]
    assert not silent, f"without a description that is a sentence: {', '.join(silent)}"
    assert all(model.get("description") for model in models.values())


@pytest.mark.parametrize("scale", SCALES)
def test_the_schema_accepts_every_scale_and_refuses_an_unknown_key(load, scale):
    validator = jsonschema.Draft202012Validator(documents.schema())
    validator.check_schema(validator.schema)
    content = load(scale=scale).model_dump(mode="json")
    validator.validate(content)
    content["user"]["sacle"] = scale
    assert not validator.is_valid(content)


def test_the_schema_of_the_users_file_accepts_it(root):
    schema = documents.schema()
    content = yaml.safe_load((root / "config/config.yaml").read_text())
    jsonschema.validate(content, {"$ref": "#/$defs/UserSettings", "$defs": schema["$defs"]})
    assert set(schema["$defs"]["UserSettings"]["properties"]) == set(UserSettings.model_fields)


def test_the_page_says_what_every_key_means():
    """In a row of its own, or, of one of many forms, in the row of the form."""
    rows = [line for line in documents.page().splitlines() if line.startswith("| `")]
    for name, model in documents.schema()["$defs"].items():
        forms = [field["const"] for field in model["properties"].values() if "const" in field]
        of_form = [row for row in rows if any(row.startswith(f"| `{form}` | ") for form in forms)]
        for key, field in model["properties"].items():
            if "description" in field:
                own = [
                    row for row in rows if row.startswith(f"| `{key}` |") and row.endswith(f" {field['description']} |")
                ]
                assert own or any(f"`{key}`: " in row and field["description"] in row for row in of_form), (
                    f"{name}.{key}"
                )
            else:
                assert of_form, f"{name}.{key}"


def test_tables_have_as_many_cells_in_every_row():
    widths, header = {}, None
    for line in documents.page().splitlines():
        header = (header or line) if line.startswith("|") else None
        if header:
            widths.setdefault(header, set()).add(line.count("|"))
    assert widths and all(len(counts) == 1 for counts in widths.values())


def test_the_example_does_what_the_page_says(load):
    page = documents.page()
    example = yaml.safe_load(page.split("```yaml\n")[1].split("```")[0])
    before, after = load(scale="paper"), load(scale="paper", **example)
    runs, changed = before.experiments["mnist_fnn"].runs, after.experiments["mnist_fnn"].runs
    assert runs["keep0.9-lr0.1"].learning_rate == 0.1
    assert changed["keep0.9-lr0.1"] == runs["keep0.9-lr0.1"].model_copy(update={"learning_rate": 0.05})
    assert changed["keep0.8-lr0.05"].learning_rate == 0.05
    assert set(runs) - set(changed) == {"keep0.5-lr0.1"}


def test_ranges_and_defaults_are_written_out():
    page = documents.page()
    for row in (
        "| `keep_prob` | number above 0 and at most 1; or list of: number above 0 and at most 1 | (required) |",
        "| `function` | text | (required) |",
        "| `threads` | whole number at least 1 | `1` |",
        "| `keep_probs` | list of: number above 0 and at most 1; or null | `null` |",
        "| `runs` | a section for each name | (required) |",
        "| `flatness` | section; or null | `null` |",
        "| `scale` | `smoke`, `quick`, `desktop`, `paper` | `quick` |",
    ):
        assert row in page


def test_the_command_writes_what_is_missing_and_tells_what_is_stale(tmp_path, capsys):
    assert documents.main(["--root", str(tmp_path)]) == 1
    assert capsys.readouterr().err.count(f"run `{documents.COMMAND}`") == 2
    assert documents.main(["--root", str(tmp_path), "--write"]) == 0
    assert documents.main(["--root", str(tmp_path)]) == 0
    (tmp_path / documents.PAGE).write_text("edited by hand")
    assert documents.out_of_date(tmp_path) == [documents.PAGE]
    written = json.loads((tmp_path / documents.SCHEMA).read_text())
    assert set(written["properties"]) == set(Settings.model_fields) - {"written"}  # nobody writes it
