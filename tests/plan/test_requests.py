"""What jobs ask of a scheduler, held against what runs at the papers' settings recorded on one core."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

from dropscape.config.load import load_settings
from dropscape.plan import of_experiments, of_runs
from dropscape.plan.devices import ON_DEVICE, gpus_of
from dropscape.plan.of_jobs import cost_of
from dropscape.plan.requests import MOST_MINUTES, Requests, rules_of

ROOT = Path(__file__).parents[2]
LONG = {"training", "sampling", "curvature", "flatness", "flatness_slices"}  # of a network for images
# By their tables, the rules of experiments of a stage.
TABLE_RULES = {
    "trajectories": "equations",
    "weak_errors": "equations_weak_errors",
    "noises": "equations_noises",
    "errors": "subnetworks_two_layer",
    "accuracies": "subnetworks_cnn",
}


class Asked:
    """What the jobs of one experiment, or of one run of it, ask for."""

    def __init__(self, requests, **wildcards):
        self.requests, self.wildcards = requests, wildcards

    def minutes(self, rule, attempt=1):
        return self.requests.of(rule, self.wildcards).minutes(attempt)

    def mega_bytes(self, rule, attempt=1):
        return self.requests.of(rule, self.wildcards).mega_bytes(attempt)

    def seconds(self, rule):
        return self.requests.of(rule, self.wildcards).seconds

    def gpu(self, rule):
        return self.requests.of(rule, self.wildcards).gpus

    def group(self, rule):
        return self.requests.group(rule, self.wildcards)


@pytest.fixture(scope="module")
def paper():
    return {
        device: Requests(load_settings({"scale": "paper", "device": device}, ROOT))
        for device in ("cpu", "cuda", "auto")
    }


def asked(paper, experiment, run, device="cpu"):
    return Asked(paper[device], experiment=experiment, run=run)


def source_of(module, function):
    """The text of one function of a module of dropscape."""
    text = (ROOT / "src" / module.replace(".", "/")).with_suffix(".py").read_text()
    (node,) = (one for one in ast.parse(text).body if isinstance(one, ast.FunctionDef) and one.name == function)
    return ast.get_source_segment(text, node)


class TestGpu:
    @pytest.mark.parametrize(("device", "gpus"), [("auto", 1), ("cuda", 1), ("cpu", 0)])
    def test_is_asked_for_by_the_rules_that_compute_where_the_user_says(self, paper, device, gpus):
        settings = load_settings({"scale": "paper", "device": device}, ROOT)
        run = {"experiment": "cifar100_resnet20", "run": "dropout"}
        assert {gpus_of(rule, settings, run) for rule in ON_DEVICE} == {gpus}
        assert {gpus_of(rule, settings, run) for rule in {*of_runs.COSTS, *of_experiments.COSTS} - {*ON_DEVICE}} == {0}

    def test_is_not_asked_for_by_a_training_that_is_compiled_for_the_processor(self, paper):
        assert asked(paper, "curve_tanh", "dropout", "cuda").gpu("training") == 0
        assert asked(paper, "curve_tanh_three", "dropout", "cuda").gpu("training") == 1

    def test_every_script_whose_stage_chooses_a_device_asks_for_its_gpu_and_no_other(self):
        for script in (ROOT / "workflow/scripts").glob("*.py"):
            text = script.read_text()
            stages = re.findall(r"^from (dropscape\.\S*stage) import (\w+)$", text, flags=re.MULTILINE)
            chooses = any("chosen_device(" in source_of(*stage) for stage in stages)
            assert chooses == ("snakemake.resources.gpu" in text) == (script.stem in ON_DEVICE), script.name
        assert all((ROOT / f"workflow/scripts/{rule}.py").exists() for rule in ON_DEVICE)

    @pytest.mark.parametrize("scale", ["smoke", "quick", "paper"])
    def test_is_asked_for_by_what_costs_a_gpus_time_and_by_nothing_else(self, scale):
        settings = load_settings({"scale": scale, "device": "cuda"}, ROOT)
        jobs = [
            (rule, {"experiment": name, "run": run})
            for study in settings.studies.values()
            for name, experiment in study.experiments.items()
            for run in experiment.runs
            for rule in rules_of(experiment)
        ]
        jobs += [
            (TABLE_RULES[table], {"experiment": name})
            for study in settings.studies.values()
            for name, experiment in study.of_stages.items()
            for table in experiment.tables
            if table in TABLE_RULES
        ]
        assert len({rule for rule, _ in jobs}) > 12
        for rule, wildcards in jobs:
            costs_gpu = cost_of(rule, settings, wildcards).gpu_seconds is not None
            assert costs_gpu == gpus_of(rule, settings, wildcards), (rule, wildcards)

    def test_is_known_without_torch_since_every_job_parses_the_workflow(self):
        imported = "import sys, dropscape.plan.devices, dropscape.config.load; sys.exit('torch' in sys.modules)"
        assert subprocess.run([sys.executable, "-c", imported], check=False).returncode == 0


class TestLimits:
    # Seconds and MB as recorded, torch's processor build, one core.
    @pytest.mark.parametrize(
        ("experiment", "run", "rule", "seconds", "mega_bytes"),
        [
            ("mnist_fnn", "keep0.5-lr0.1", "training", 1287, 616),
            ("mnist_fnn", "keep0.9-lr0.1", "sampling", 100, 527),
            ("mnist_fnn", "keep0.9-lr0.1", "flatness", 51, 562),
            ("mnist_fnn", "keep0.9-lr0.1", "curvature", 63, 718),
            ("mnist_fnn_plain", "lr0.1", "noise_alignment", 551, 912),
            ("teacher_of_one", "dropout", "training", 129, 502),
            ("curve_tanh_small", "small", "training", 87, 531),
        ],
    )
    def test_leave_room_above_what_was_recorded_but_not_without_measure(
        self, paper, experiment, run, rule, seconds, mega_bytes
    ):
        ours = asked(paper, experiment, run)
        assert 1.5 * seconds < 60 * ours.minutes(rule, 1) < 20 * seconds + 3600
        assert 1.5 * mega_bytes < ours.mega_bytes(rule) < 6000

    def test_grow_with_the_run_and_with_every_attempt(self, paper):
        small, large = (asked(paper, name, "dropout") for name in ("multi30k_transformer", "cifar100_resnet20"))
        assert small.minutes("sampling", 1) < large.minutes("sampling", 1)
        slow, fast = (asked(paper, "mnist_fnn", f"keep0.8-lr{rate}") for rate in (0.1, 0.2))
        assert fast.minutes("training", 1) < slow.minutes("training", 1)
        assert slow.minutes("training", 3) == 3 * slow.minutes("training", 1)
        assert slow.mega_bytes("training", 2) == 2 * slow.mega_bytes("training", 1)

    def test_a_gpu_shortens_and_nothing_asks_for_more_than_sites_grant(self, paper):
        on_cpu, on_gpu = (asked(paper, "cifar100_resnet20", "dropout", device) for device in ("cpu", "cuda"))
        assert on_cpu.minutes("training", 1) == MOST_MINUTES > on_gpu.minutes("training", 1)
        assert on_cpu.minutes("training", 4) == MOST_MINUTES

    def test_follow_from_the_width_of_what_is_one_job_a_width(self, paper):
        wide, narrow = (Asked(paper["cpu"], experiment="mnist_cnn", width=width) for width in ("1000", "100"))
        assert wide.minutes("subnetworks_cnn") > narrow.minutes("subnetworks_cnn")
        assert wide.mega_bytes("subnetworks_cnn") > narrow.mega_bytes("subnetworks_cnn")

    def test_of_a_network_of_ones_own_are_those_of_the_dearest(self):
        published = load_settings({"scale": "paper"}, ROOT).experiment("cifar100_resnet20").model_dump()

        def asked(**model):
            experiments = {"of_model": published | {"model": model, "block": ["conv1.weight"]}}
            overrides = {"noise_structure": {"experiments": experiments}}
            settings = load_settings({"scale": "paper", "device": "cuda", "overrides": overrides}, ROOT)
            ours = Asked(Requests(settings), experiment="of_model", run="dropout")
            return [(ours.minutes(rule), ours.mega_bytes(rule)) for rule in ("training", "noise_spectrum")]

        own = asked(name="own", function="mine:network", arguments={})
        assert own == asked(name="resnet18", classes=10)
        assert own > asked(name="resnet20", classes=10)

    def test_a_rule_that_nobody_has_counted_is_said_to_be_so(self, paper):
        with pytest.raises(LookupError):
            asked(paper, "mnist_fnn", "keep0.9-lr0.1").minutes("another_rule")


def groups(paper, experiment, run, device):
    """The kind of submission of each job of a run."""
    ours = asked(paper, experiment, run, device)
    return {rule: ours.group(rule) for rule in rules_of(load_settings({"scale": "paper"}, ROOT).experiment(experiment))}


class TestGroups:
    def test_all_jobs_of_a_run_of_minutes_without_a_gpu_share_a_submission(self, paper):
        assert set(groups(paper, "curve_tanh_three", "dropout", "cpu").values()) == {"run"}
        assert groups(paper, "curve_tanh_three", "dropout", "cuda")["training"] == "gpu"

    @pytest.mark.parametrize("device", ["cpu", "cuda"])
    def test_what_shares_a_submission_with_other_runs_takes_less_than_a_minute_of_each(self, paper, device):
        """Where one of them fails, what the others made is lost with it."""
        seen = set()
        for study in load_settings({"scale": "paper"}, ROOT).studies.values():
            for name, experiment in study.experiments.items():
                for run in getattr(experiment, "runs", {}):
                    ours = asked(paper, name, run, device)
                    jobs = [(ours.group(rule), ours.seconds(rule)) for rule in rules_of(experiment)]
                    seen |= {kind for kind, _ in jobs}
                    assert sum(seconds for kind, seconds in jobs if kind == "short") <= 60, (name, run)
                    assert all(seconds <= 60 for kind, seconds in jobs if kind == "gpu"), (name, run)
        assert seen == {"run", "short", "measurements", None} | ({"gpu"} if device == "cuda" else set())

    def test_no_gpu_waits_for_what_needs_none(self, paper):
        for experiment, run, on_gpu in (
            ("mnist_fnn", "keep0.9-lr0.1", {"training", "sampling", "noise_alignment"}),
            ("multi30k_transformer", "dropout", set()),  # which takes the GPU for longer
        ):
            shared = groups(paper, experiment, run, "cuda")
            assert {rule for rule, group in shared.items() if group == "gpu"} == on_gpu < {*ON_DEVICE}
            assert {group for rule, group in shared.items() if rule not in ON_DEVICE} <= {"measurements", None}
            assert not {"measurements", "short", "run"} & {shared[rule] for rule in shared if rule in ON_DEVICE}

    def test_long_jobs_stand_by_themselves(self, paper):
        shared = groups(paper, "cifar100_resnet20", "dropout", "cuda")
        assert {rule for rule, group in shared.items() if group is None} == LONG

    def test_a_training_that_starts_where_another_ends_stands_by_itself(self, paper):
        ours = asked(paper, "curve_tanh", "plain-then-dropout")
        assert [ours.group(rule) for rule in ("training", "condensation")] == [None, "measurements"]

    def test_jobs_of_whole_experiments_share_submissions_of_the_same_kinds(self, paper):
        trajectories = {"experiment": "mnist_7x7_sgd"}
        assert paper["cpu"].group("equations", trajectories) == "short"
        assert paper["cuda"].group("equations", trajectories) == "gpu"
        assert paper["cuda"].group("theory", {"study": "noise_structure", "table": "closed_forms"}) == "short"
        assert paper["cuda"].group("flatness_interpolations", {"experiment": "mnist_two_layer"}) == "measurements"
        assert paper["cuda"].group("subnetworks_cnn", {"experiment": "mnist_cnn", "width": "100"}) is None
        assert paper["cpu"].group("subnetworks_two_layer", {"experiment": "mnist_two_digits"}) is None
