"""What is installed: light, typed, usable without the repository, and with a version."""

import ast
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from importlib import metadata, util
from pathlib import Path

import pytest

import dropscape
from dropscape.public import NAMES

ROOT = Path(__file__).parents[1]
EXTRAS = ("workflow", "figures", "test", "docs")
# Torch itself needs these, so that whoever has torch has them.
OF_TORCH = {"filelock", "fsspec", "jinja2", "networkx", "setuptools", "sympy", "typing_extensions"}
MODULES_OF = {"pyyaml": "yaml", "import-linter": "importlinter", "mkdocs-material": "material"}


def imported_in(folder, code):
    """What Python prints that has only the package in a folder, and none of the packages of its extras."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    names = [name.split(">")[0] for extra in EXTRAS for name in project[extra]]
    missing = {MODULES_OF.get(name, name.replace("-", "_")) for name in names} - OF_TORCH
    refuse = f"import sys; sys.modules.update(dict.fromkeys({sorted(missing)}))\n"
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(folder)!r})\n{refuse}{code}"],
        cwd=folder, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_table_of_names_is_what_type_checkers_read():
    tree = ast.parse(Path(dropscape.__file__).with_suffix(".pyi").read_text(encoding="utf-8"))
    imports = [node for node in tree.body if isinstance(node, ast.ImportFrom)]
    read = {alias.name: node.module.removeprefix("dropscape.") for node in imports for alias in node.names}
    (exported,) = [ast.literal_eval(node.value) for node in tree.body if isinstance(node, ast.Assign)]
    assert read == NAMES and exported == dropscape.__all__ == sorted(NAMES)
    assert {*NAMES, "__version__"} < set(dir(dropscape))


def test_an_unknown_name_is_an_error_that_lists_what_there_is():
    with pytest.raises(AttributeError, match=r"no attribute 'hessian': it has alignment, block_hessian, "):
        dropscape.hessian  # noqa: B018


def test_the_version_is_the_installed_one():
    assert dropscape.__version__ == metadata.version("dropscape")


def test_importing_it_loads_nothing_else(tmp_path):
    code = "before = set(sys.modules); import dropscape; print(sorted(set(sys.modules) - before - {'importlib'}))"
    said = imported_in(ROOT / "src", code)
    assert not {"torch", "numba", "importlib.metadata"} & set(ast.literal_eval(said))


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """A folder with the wheel and the sdist, made with the setuptools that is installed, as without a network."""
    if util.find_spec("build") is None or util.find_spec("setuptools") is None:
        pytest.skip("build and setuptools are not installed: make lock and make test install them")
    folder, source = tmp_path_factory.mktemp("built"), tmp_path_factory.mktemp("source")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    shutil.copytree(ROOT / "src/dropscape", source / "src/dropscape", ignore=shutil.ignore_patterns("__pycache__"))
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder), str(source)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return folder


def test_the_wheel_measures_in_an_empty_folder_without_any_extra(built, tmp_path):
    (wheel,) = built.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        archive.extractall(tmp_path)
    files = ("py.typed", "__init__.pyi", "comparison/page.html.jinja", "report/page/templates/report.js")
    assert {f"dropscape/{file}" for file in files} < set(names)
    assert not any(name.startswith(("tests", "workflow")) for name in names)
    said = imported_in(
        tmp_path,
        "import dropscape, torch\n"
        "for name in dropscape.__all__: getattr(dropscape, name)\n"
        "model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Tanh(), torch.nn.Linear(4, 2))\n"
        "data = torch.randn(5, 3), torch.tensor([0, 1, 0, 1, 1])\n"
        "print(dropscape.__file__, dropscape.block_hessian(model, '0.weight', data).matrix.shape)\n",
    )
    assert said == f"{tmp_path}/dropscape/__init__.py torch.Size([12, 12])\n"


def test_the_wheel_says_that_the_workflow_needs_the_repository(built, tmp_path):
    (wheel,) = built.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path)
    command = [sys.executable, "-m", "dropscape", "plan"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, env={"PYTHONPATH": "."})
    assert done.returncode == 1 and done.stderr == (
        "dropscape: the workflow and its configuration are not part of the installed package, and neither "
        f"{tmp_path} nor a folder above it is a clone of the repository: clone it and run the command there.\n"
    )


def test_the_sdist_holds_what_the_wheel_is_built_from(built):
    (sdist,) = built.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {"pyproject.toml", "README.md", "LICENSE", "src/dropscape/py.typed", "src/dropscape/__init__.py"} <= names
