"""Machines, accounts and folders that users really have; a figure of theory is made in each, in seconds."""

import os
import shutil
import subprocess
import sys

import pytest

from dropscape.commands.run import environment
from tests.workflow.project import ROOT, SECONDS, Project

FIGURE = "results/smoke/figures/implicit_regularization-fig11.png"
TABLES = [
    f"results/smoke/theory/{name}.csv"
    for name in ("noise_structure/closed_forms", "implicit_regularization/interpolants")
]


@pytest.fixture
def fresh(tmp_path) -> Project:
    return Project(ROOT).clone(tmp_path / "fresh")


def finished(project, *arguments, environment=None, config=None):
    done = subprocess.run(
        project.command(*arguments, **(config or {})),
        cwd=project.root,
        env=project.environment | (environment or {}),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=SECONDS,
    )
    assert "Traceback" not in done.stdout, done.stdout
    return done


def made(project, *arguments, **how):
    done = finished(project, *arguments, **how)
    assert done.returncode == 0, done.stdout
    return done.stdout


def test_several_targets_at_once_in_fresh_results(fresh):
    made(fresh, *TABLES)
    assert all(fresh.path(table).exists() for table in TABLES)


@pytest.mark.parametrize("name", ["with'quote", "Übung", "数据"])
def test_a_quote_or_another_alphabet_in_the_path(tmp_path, name):
    project = Project(ROOT).clone(tmp_path / name)
    made(project, FIGURE)
    assert project.path(FIGURE).exists()


def test_another_encoding_of_the_terminal(fresh):
    """Files are UTF-8 whatever the locale; Python itself turns plain C and POSIX into UTF-8."""
    legacy = {
        "PYTHONUTF8": "0",
        "PYTHONCOERCECLOCALE": "0",
        "LC_ALL": "de_DE.ISO-8859-1",
        "PYTHONIOENCODING": "latin-1",
    }
    made(fresh, FIGURE, environment=legacy | {"PYTHONWARNDEFAULTENCODING": "1", "PYTHONWARNINGS": ""})
    assert fresh.path(FIGURE).exists()


@pytest.mark.parametrize("home", ["/proc/nowhere", ""])
def test_a_home_that_is_read_only_or_missing(fresh, home, monkeypatch):
    """As make starts it; Snakemake itself wants a folder for caches."""
    monkeypatch.chdir(fresh.root)
    for name, value in {"HOME": home, "XDG_CACHE_HOME": "", "XDG_CONFIG_HOME": "", "MPLCONFIGDIR": ""}.items():
        monkeypatch.setenv(name, value)
    made(fresh, FIGURE, environment=environment())
    assert fresh.path(FIGURE).exists()


def test_a_matplotlibrc_of_the_users_changes_nothing(fresh):
    made(fresh, FIGURE)
    before = fresh.path(FIGURE).read_bytes()
    fresh.path(FIGURE).unlink()
    fresh.path("matplotlibrc").write_text("text.usetex: True\nsavefig.bbox: tight\nfont.size: 30\naxes.grid: True\n")
    made(fresh, FIGURE)
    assert fresh.path(FIGURE).read_bytes() == before


def test_a_file_system_without_locks_is_a_warning(fresh):
    """As some of NFS and Lustre: flock says ENOSYS or ENOLCK."""
    site = fresh.root / "site"
    site.mkdir()
    (site / "sitecustomize.py").write_text(
        "import errno, fcntl\n"
        "def flock(*_):\n"
        "    raise OSError(errno.ENOLCK, 'No locks available')\n"
        "fcntl.flock = flock\n"
    )
    paths = f"{site}{os.pathsep}{fresh.environment['PYTHONPATH']}"
    said = made(fresh, FIGURE, environment={"PYTHONPATH": paths})
    assert "files in results/smoke cannot be locked on this file system: see to it that no other run works" in said


def test_results_in_another_working_directory_with_a_report(fresh, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    snakefile = ["--snakefile", str(fresh.path("Snakefile")), "--directory", str(tmp_path / "elsewhere")]
    made(fresh, *snakefile, FIGURE)
    made(fresh, *snakefile, "--report", "report.html", FIGURE)
    assert (tmp_path / "elsewhere" / FIGURE).exists()
    assert not fresh.path("results").exists()


@pytest.mark.skipif(os.getuid() != 0 or not shutil.which("setpriv"), reason="only an administrator can give up rights")
class TestOthers:
    """Somebody else than who made the results: an administrator without the right to pass over those of files."""

    WITHOUT_RIGHTS = ("setpriv", "--bounding-set", "-dac_override,-dac_read_search,-fowner,-chown", "--")

    def run(self, project, *arguments, group=0, where=None, **config):
        command = [*self.WITHOUT_RIGHTS, *project.command(*arguments, **config)]
        return subprocess.run(
            command, cwd=where or project.root, env=project.environment, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, check=False, timeout=SECONDS, group=group, umask=0o002,
        )  # fmt: skip

    def give_away(self, project, user, group, mode):
        for path in [project.root, *project.root.rglob("*")]:
            os.chown(path, user, group, follow_symlinks=False)
            if path.is_dir():
                path.chmod(mode)

    def test_who_may_only_read_can_look_and_changes_nothing(self, fresh, tmp_path):
        """From a folder of their own: Snakemake writes where it works, also in a dry run."""
        made(fresh, FIGURE)
        self.give_away(fresh, 5001, 4242, 0o755)
        where = tmp_path / "theirs"
        where.mkdir()
        snakefile = ["--snakefile", str(fresh.path("Snakefile"))]
        theirs = {"where": where, "results": str(fresh.path("results"))}

        def state():
            return {path: path.stat().st_mtime_ns for path in fresh.path("results").rglob("*")}

        before = state()
        listed = self.run(fresh, *snakefile, "--dry-run", "implicit_regularization-fig11", **theirs)
        assert listed.returncode == 0 and "Nothing to be done" in listed.stdout, listed.stdout
        report = self.run(fresh, *snakefile, "--report", "r.html", "implicit_regularization-fig11", **theirs)
        assert report.returncode == 0 and (where / "r.html").exists(), report.stdout
        summary = [*self.WITHOUT_RIGHTS, sys.executable, "-m", "dropscape.report.summary", "results/smoke"]
        shown = subprocess.run(
            summary, cwd=fresh.root, env=fresh.environment, capture_output=True, text=True, check=False
        )
        assert shown.returncode == 0 and "Time of the jobs" in shown.stdout, shown.stderr
        done = self.run(fresh, *snakefile, "--forceall", "implicit_regularization-fig11", **theirs)
        assert done.returncode != 0 and "Traceback" not in done.stdout, done.stdout
        assert "Write-protected output files" in done.stdout, done.stdout
        assert state() == before

    def test_a_group_shares_results(self, fresh):
        """What one of the group made another one makes anew."""
        self.give_away(fresh, 5001, 4242, 0o2775)
        assert self.run(fresh, FIGURE, group=4242).returncode == 0
        self.give_away(fresh, 5001, 4242, 0o2775)
        fresh.path(TABLES[1]).unlink()
        done = self.run(fresh, FIGURE, "--forceall", group=4242)
        assert done.returncode == 0, done.stdout
        assert fresh.path(TABLES[1]).exists()
