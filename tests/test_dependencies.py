import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

from dropscape.dependencies import manifest, module_files, write_if_changed

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src"


def files_of(tmp_path, text):
    script = tmp_path / f"script{len(list(tmp_path.iterdir()))}.py"
    script.write_text(text)
    first, *modules = module_files(script, SOURCE)
    assert first == str(script)
    return modules


def modules(*names):
    return sorted(str(SOURCE / "dropscape" / name) for name in names)


@pytest.mark.parametrize(
    "text",
    [
        "from dropscape.errors import DataError",
        "from dropscape import errors",
        "import dropscape.errors",
        "import dropscape.errors as errors",
        "def later():\n    from dropscape.errors import DataError",
    ],
)
def test_every_way_to_import(tmp_path, text):
    # Python asks the package for the name first, which looks among the public ones.
    asks = ["public.py"] if text.startswith("from dropscape import") else []
    assert files_of(tmp_path, text) == modules("__init__.py", "errors.py", *asks)


def test_script_without_the_library(tmp_path):
    assert files_of(tmp_path, "import json\nfrom pathlib import Path") == []


def test_imports_of_imports_and_the_packages_they_stand_in(tmp_path):
    assert files_of(tmp_path, "from dropscape.artifacts.provenance import provenance") == modules(
        "__init__.py", "artifacts/__init__.py", "artifacts/provenance.py"
    )
    assert files_of(tmp_path, "from dropscape.artifacts.tensors import read_tensors") == modules(
        "__init__.py", "artifacts/__init__.py", "artifacts/files.py", "artifacts/tensors.py", "errors.py",
    )  # fmt: skip


def test_modules_imported_by_name_bring_their_imports_and_packages(tmp_path):
    script = tmp_path / "script.py"
    script.write_text("import json")
    found = module_files(script, SOURCE, "dropscape.theory.tables.interpolants")
    theory = SOURCE / "dropscape/theory"
    assert {str(theory / name) for name in ("tables/__init__.py", "relu_network_1d.py")} < set(found)
    assert (theory / "perturbations.py").is_file() and str(theory / "perturbations.py") not in found


def test_sibling_modules_do_not_count(tmp_path):
    found = files_of(tmp_path, "from dropscape.noise.projection import projected_variance")
    assert str(SOURCE / "dropscape/noise/projection.py") in found
    assert str(SOURCE / "dropscape/noise/alignment.py") not in found


def test_packages_run_nothing_when_imported():
    """A package whose ``__init__`` imports a module would make every user of the package depend on that module."""
    top = SOURCE / "dropscape/__init__.py"  # it finds the public names when they are asked for
    assert [path for path in (SOURCE / "dropscape").rglob("__init__.py") if path.read_text().strip()] == [top]
    kinds = {type(node) for node in ast.parse(top.read_text()).body}
    assert kinds == {ast.Expr, ast.FunctionDef}


def test_covers_every_module_that_python_loads():
    """The oracle is Python itself: what is in ``sys.modules`` after each script's imports, in a process of its own."""
    program = """
import ast, json, sys
from pathlib import Path
for script in sorted(Path("workflow/scripts").glob("*.py")):
    for name in [name for name in sys.modules if name.split(".")[0] == "dropscape"]:
        del sys.modules[name]
    imports = [node for node in ast.parse(script.read_text()).body if isinstance(node, (ast.Import, ast.ImportFrom))]
    exec(compile(ast.Module(imports, []), str(script), "exec"), {})
    files = [m.__file__ for name, m in sys.modules.items() if name.split(".")[0] == "dropscape"]
    print(json.dumps([str(script), sorted(files)]))
"""
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    loaded = dict(map(json.loads, done.stdout.splitlines()))
    assert len(loaded) >= 10
    for script, files in loaded.items():
        assert set(files) <= set(module_files(ROOT / script, SOURCE)), script


class TestManifest:
    @pytest.fixture
    def files(self, tmp_path):
        (tmp_path / "src").mkdir()
        for name in ("one.py", "two.py"):
            (tmp_path / "src" / name).write_text(name)
        return [str(tmp_path / "src" / name) for name in ("one.py", "two.py")]

    def test_is_what_sha256sum_checks(self, tmp_path, files):
        write_if_changed(tmp_path / "kept/code.sha256", manifest(files, tmp_path))
        checked = subprocess.run(
            ["sha256sum", "--check", "--strict", "kept/code.sha256"], cwd=tmp_path, capture_output=True, text=True
        )
        assert checked.stdout.splitlines() == ["src/one.py: OK", "src/two.py: OK"]
        assert sorted(path.name for path in (tmp_path / "kept").iterdir()) == ["code.sha256"]

    def test_is_written_where_it_is_another_and_else_left_alone(self, tmp_path, files):
        path = tmp_path / "code.sha256"
        write_if_changed(path, manifest(files, tmp_path))
        written = path.stat()
        write_if_changed(path, manifest(files, tmp_path))
        assert (path.stat().st_ino, path.stat().st_mtime_ns) == (written.st_ino, written.st_mtime_ns)
        write_if_changed(path, manifest(files[:1], tmp_path))
        assert path.read_text() == manifest(files[:1], tmp_path)
        assert path.stat().st_ino != written.st_ino, "another job may be reading the old one"


def test_templates_belong_to_the_modules_beside_them(tmp_path):
    found = files_of(tmp_path, "from dropscape.report.page.stage import write_report")
    templates = sorted(map(str, (SOURCE / "dropscape/report/page/templates").iterdir()))
    assert {"base.html", "report.css", "report.js"} <= {Path(path).name for path in templates}
    assert [path for path in found if "/templates/" in path] == templates
    assert not [path for path in files_of(tmp_path, "import dropscape.report.summary") if "/templates/" in path]
