"""What reruns after a change, and that nothing else does."""

import json
import os
import shutil
from contextlib import contextmanager

import pytest
import yaml

from tests.workflow.imports import Imports
from tests.workflow.project import downstream, jobs_in

COMMENT = b"\n# A changed file.\n"
RUN = "mnist_fnn/keep0.9-lr0.1"
RULES_OF_RUN = {
    "training",
    "sampling",
    "curvature",
    "noise_spectrum",
    "noise_projection",
    "noise_alignment",
    "noise_baseline",
    "flatness",
}
MEASUREMENTS = {"data", "theory"} | RULES_OF_RUN


@contextmanager
def changed(project, name, change=None):
    """The file ``name`` with other content; put back, with its time, at the end."""
    path = project.path(name)
    before, times = path.read_bytes(), path.stat()
    path.write_bytes(before + COMMENT if change is None else change(before.decode()).encode())
    try:
        yield
    finally:
        path.write_bytes(before)
        os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


def override(**experiment):
    return {"noise_structure": {"experiments": {"mnist_fnn": experiment}}}


OTHER_RATE = override(runs={"keep0.9-lr0.1": {"learning_rate": 0.05}})


def studies_of(project):
    return {path.stem: yaml.safe_load(path.read_text()) for path in project.path("config/studies").glob("*.yaml")}


def kind_of(project):
    """The kind of each figure, from the study files."""
    return {
        f"{study}-{name}": figure["kind"]
        for study, content in studies_of(project).items()
        for name, figure in content.get("figures", {}).items()
    }


def named_of(project):
    """The modules that jobs import by name, by rule and wildcards, from the study files."""
    named = {}
    for study, content in studies_of(project).items():
        claims = json.loads(project.path(f"results/smoke/.settings/claims/{study}.json").read_text())["claims"]
        statistics = {claim["statistic"]["name"] for claim in claims}
        named["claims", study] = {f"dropscape.claims.statistics.{name}" for name in statistics}
        for name, experiment in content.get("experiments", {}).items():
            named["network", name] = {f"dropscape.models.networks.{experiment['model']['name']}"}
    for figure, kind in kind_of(project).items():
        named["figures", figure] = {f"dropscape.figures.{kind}.{module}" for module in ("table", "drawing")}
    return named


def library_files(job, imports, named):
    """The library's files that a job runs, by its script's import statements; the script is named after its rule."""
    script = f"workflow/scripts/{job.rule}.py"
    modules = named.get((job.rule, job.wildcards), set())
    if job.rule == "theory":
        modules = {f"dropscape.theory.tables.{job.wildcards.partition('/')[2]}"}
    if job.rule == "data":
        modules = {f"dropscape.data.datasets.{job.wildcards}"}
    if "src/dropscape/models/settings.py" in imports.files(script):
        modules = modules | named.get(("network", job.wildcards.partition("/")[0]), set())
    return imports.files(script, *modules)


class TestNothing:
    def test_second_run(self, smoke):
        assert smoke.pending() == {}

    @pytest.mark.parametrize("seconds", [1e8, -1e8], ids=["later", "earlier"])
    def test_touched_files(self, smoke, seconds):
        files = [path for name in ("config", "src", "workflow") for path in smoke.path(name).rglob("*")]
        times = {path: path.stat() for path in files if path.is_file()}
        for path, before in times.items():
            os.utime(path, (before.st_atime + seconds, before.st_mtime + seconds))
        try:
            assert smoke.pending() == {}
        finally:
            for path, before in times.items():
                os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))

    def test_touched_results(self, copy):
        for number, path in enumerate(sorted(copy.path("results").rglob("*"), reverse=True)):
            os.utime(path, (1.5e9 + number, 1.5e9 + number))
        assert copy.pending() == {}

    def test_fresh_clone_with_copied_results(self, smoke, tmp_path):
        clone = smoke.clone_with_results(tmp_path / "clone")
        oldest = min(path.stat().st_mtime for path in clone.path("results").rglob("*.safetensors"))
        for path in clone.path("src").rglob("*.py"):  # as if git had written the code after the results
            os.utime(path, (oldest + 1e6, oldest + 1e6))
        assert clone.pending() == {}

    def test_threads_and_how_often_a_state_is_saved(self, smoke):
        assert smoke.pending(threads=2, checkpoint_seconds=5) == {}

    def test_comment_in_a_rule(self, smoke):
        with changed(smoke, "workflow/rules/training.smk"):
            assert smoke.pending() == {}


class TestWithoutRecords:
    """Of Snakemake's, which a main process takes along that is killed while its jobs are on a cluster."""

    def test_other_settings_are_noticed_and_the_same_are_not(self, copy):
        shutil.rmtree(copy.path(".snakemake"))
        for number, folder in enumerate((".code", ".settings", "data", f"training/{RUN}")):
            for path in copy.path(f"results/smoke/{folder}").rglob("*"):
                os.utime(path, (1.5e9 + number, 1.5e9 + number))
        target = f"results/smoke/training/{RUN}/model.safetensors"
        assert copy.pending(target) == {}
        assert set(copy.pending(target, overrides=OTHER_RATE)) == {f"training {RUN}"}

    def test_every_job_has_its_own_settings_as_an_input(self, jobs):
        for job in jobs:
            kept = [path for path in job.inputs if "/.settings/" in path]
            given = job.rule != "subnetworks_accuracies"  # which only joins tables
            assert kept == [f"results/smoke/.settings/{job.name.replace(' ', '/')}.json"] * given

    def test_with_them_settings_that_were_only_looked_at_change_nothing(self, copy):
        assert copy.pending(overrides=OTHER_RATE) != {}
        assert copy.pending() == {}


class TestEditedCode:
    def test_every_rule_depends_on_exactly_what_its_script_imports(self, smoke, jobs):
        imports, named = Imports(smoke.root), named_of(smoke)
        for job in jobs:
            expected = {f"workflow/scripts/{job.rule}.py"} | library_files(job, imports, named)
            folders = {smoke.path(name).parent / "templates" for name in expected}
            expected |= {str(path.relative_to(smoke.root)) for folder in folders for path in folder.glob("*")}
            assert smoke.code_of(job) == expected, job.name

    def test_modules_are_imported_by_name_only_where_the_rules_know_it(self, smoke):
        assert Imports(smoke.root).by_name() <= {
            "src/dropscape/claims/statistic.py",
            "src/dropscape/commands/main.py",  # of no job
            "src/dropscape/custom_code.py",  # the user's modules
            "src/dropscape/data/stage.py",
            "src/dropscape/discovery.py",
            "src/dropscape/figures/stage.py",
            "src/dropscape/models/settings.py",
            "src/dropscape/public.py",  # for people's own scripts
            "src/dropscape/theory/stage.py",
        }

    # The third column names rules that must not be touched, so that an import too many is noticed.
    @pytest.mark.parametrize(
        ("module", "stage", "untouched"),
        [
            ("training/stacked.py", "training", {"data", "theory"}),
            ("curvature/kronecker.py", "curvature", {"data", "training", "sampling", "noise_spectrum", "theory"}),
            ("noise/projection.py", "noise_projection", {"data", "training", "sampling", "curvature", "theory"}),
            ("flatness/interval.py", "flatness", MEASUREMENTS - {"flatness"}),
            ("figures/style.py", "figures", MEASUREMENTS | {"claims"}),
            ("claims/judge.py", "claims", MEASUREMENTS | {"figures"}),
        ],
    )
    def test_library_module_reruns_what_imports_it_and_what_follows(self, smoke, jobs, module, stage, untouched):
        imports, named = Imports(smoke.root), named_of(smoke)
        path = f"src/dropscape/{module}"
        users = {job.name for job in jobs if path in library_files(job, imports, named)}
        expected = downstream(jobs, users)
        assert stage in {name.split()[0] for name in users}
        assert not untouched & {name.split()[0] for name in expected}
        with changed(smoke, path):
            assert set(smoke.pending()) == expected

    def test_module_of_a_kind_of_figure_redraws_that_kind_only(self, smoke, jobs):
        kinds = kind_of(smoke)
        with changed(smoke, "src/dropscape/figures/alignment_trace/drawing.py"):
            redrawn = {name for name in smoke.pending() if name.startswith("figures ")}
        assert redrawn == {f"figures {figure}" for figure, kind in kinds.items() if kind == "alignment_trace"}

    def test_module_of_a_statistic_rejudges_its_studies_only(self, smoke, jobs):
        with changed(smoke, "src/dropscape/claims/statistics/error_rate.py"):
            assert set(smoke.pending()) == downstream(jobs, {"claims subnetworks"})

    def test_module_of_a_network_retrains_its_experiments_only(self, smoke, jobs):
        with changed(smoke, "src/dropscape/models/networks/transformer.py"):
            pending = set(smoke.pending())
        users = {job.name for job in jobs if job.wildcards.startswith("multi30k_transformer/")}
        first = {name for name in users if name.split()[0] in ("training", "sampling", "curvature", "flatness")}
        assert first <= pending <= downstream(jobs, users)

    def test_script_reruns_its_stage(self, smoke, jobs):
        with changed(smoke, "workflow/scripts/theory.py"):
            assert set(smoke.pending()) == downstream(jobs, {job.name for job in jobs if job.rule == "theory"})

    def test_module_of_a_table_of_theory_remakes_that_table_only(self, smoke, jobs):
        with changed(smoke, "src/dropscape/theory/perturbations.py"):
            assert set(smoke.pending()) == downstream(jobs, {"theory implicit_regularization/perturbations"})


class TestEditedSettings:
    def test_learning_rate_of_one_run(self, smoke, jobs):
        expected = downstream(jobs, {f"training {RUN}"})
        run_jobs = {name for name in expected if "/" in name}
        assert run_jobs == {f"{rule} {RUN}" for rule in RULES_OF_RUN}
        of_several = {"figures", "claims", "claims_table", "report", "curvature_sharpness"}
        assert {name.split()[0] for name in expected - run_jobs} <= of_several
        assert set(smoke.pending(overrides=OTHER_RATE)) == expected

    @pytest.mark.parametrize(
        "keys",
        [{"objective": "dropout_minus_r2"}, {"objective": "risk_plus_r2", "gradient_penalty_weight": 0.01}],
        ids=str,
    )
    def test_objective_of_one_run(self, smoke, jobs, keys):
        overrides = override(runs={"keep0.9-lr0.1": keys})
        assert set(smoke.pending(overrides=overrides)) == downstream(jobs, {f"training {RUN}"})

    def test_a_run_on_the_risk_has_no_noise_to_measure(self, smoke, jobs):
        pending = set(smoke.pending(overrides=override(runs={"keep0.9-lr0.1": {"objective": "risk"}})))
        assert f"training {RUN}" in pending and f"sampling {RUN}" not in pending
        assert pending < downstream(jobs, {f"training {RUN}"})

    def test_a_run_that_starts_at_anothers_end_point_follows_it(self, smoke, jobs):
        """It waits for that run's model, and is done again where that run is; the other way round it is not."""
        start = {"keep0.9-lr0.1": {"start": "keep0.8-lr0.1"}}
        due = smoke.succeeded("--dry-run", overrides=override(runs=start))
        (training,) = (job for job in due if job.rule == "training")
        assert training.wildcards == RUN
        assert "results/smoke/training/mnist_fnn/keep0.8-lr0.1/model.safetensors" in training.inputs
        assert {job.name for job in due} == downstream(jobs, {f"training {RUN}"})
        both = start | {"keep0.8-lr0.1": {"learning_rate": 0.05}}
        trained = {job for job in smoke.pending(overrides=override(runs=both)) if job.startswith("training ")}
        assert trained == {f"training {RUN}", "training mnist_fnn/keep0.8-lr0.1"}

    def test_learning_rate_in_the_study_file(self, smoke, jobs):
        line = "keep0.9-lr0.1: {keep_prob: 0.9, learning_rate: 0.1}"
        study = "config/studies/noise_structure.yaml"
        assert line in smoke.path(study).read_text()
        with changed(smoke, study, lambda text: text.replace(line, line.replace("rate: 0.1", "rate: 0.05"))):
            assert set(smoke.pending()) == downstream(jobs, {f"training {RUN}"})

    def test_same_number_written_otherwise(self, smoke):
        assert smoke.pending(overrides=override(runs={"keep0.9-lr0.1": {"learning_rate": "1e-1"}})) == {}

    @pytest.mark.parametrize(
        ("rule", "settings"),
        [
            ("sampling", {"gradients": {"samples": 70}}),
            ("flatness", {"flatness": {"factors": [2, 1.7]}}),
            ("noise_baseline", {"alignment": {"baseline_samples": 6}}),
        ],
    )
    def test_setting_of_a_measurement(self, smoke, jobs, rule, settings):
        first = {job.name for job in jobs if job.rule == rule and job.wildcards.startswith("mnist_fnn/")}
        assert set(smoke.pending(overrides=override(**settings))) == downstream(jobs, first)

    def test_threshold_of_a_claim(self, smoke, jobs):
        claims = "config/claims/modified_equations.yaml"
        with changed(smoke, claims, lambda text: text.replace("above: 0.85", "above: 0.9")):
            assert set(smoke.pending()) == downstream(jobs, {"claims modified_equations"})


def test_real_rerun_makes_what_is_due_bit_for_bit_and_then_nothing(copy, jobs):
    before = copy.artifacts()
    for ending in ("pdf", "png", "svg"):
        copy.path(f"results/smoke/figures/noise_structure-fig4.{ending}").unlink()
    judge = copy.path("src/dropscape/claims/judge.py")
    judge.write_bytes(judge.read_bytes() + COMMENT)
    ran = {job.name for job in copy.succeeded()}
    claims = {job.name for job in jobs if job.rule == "claims"}
    assert ran == downstream(jobs, claims) | {"figures noise_structure-fig4"}
    assert copy.artifacts() == before
    assert copy.pending() == {}


def test_jobs_are_chosen_when_one_ends_and_not_in_between(copy):
    done = copy.run("results/smoke/claims/claims.csv", "--verbose", "--forcerun", "claims")
    assert done.returncode == 0, done.stdout
    assert 2 < done.stdout.count("Ready jobs: ") <= len(jobs_in(done.stdout))
