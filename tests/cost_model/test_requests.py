"""What jobs ask of a scheduler, held against what runs at the papers' settings recorded on one core."""

import subprocess
import sys
from pathlib import Path

import pytest

from dropscape.config.load import load_settings
from dropscape.cost_model.job_costs import job_cost
from dropscape.cost_model.requests import MOST_MINUTES, UNKNOWN_SECONDS, Requests
from dropscape.measurement import Task
from dropscape.resolved.workflow import Workflow

ROOT = Path(__file__).parents[2]
ON_DEVICE = {"training", "training_translation", "sampling", "sampling_ratio", "curvature", "noise_alignment"}
ON_DEVICE |= {"flatness", "flatness_slices"}  # of a run
LONG = {"training", "sampling", "flatness", "flatness_slices"}  # of a network for images


class Asked:
    """What the jobs of one experiment, or of one run of it, ask for."""

    def __init__(self, requests, **wildcards):
        self.requests, self.wildcards = requests, wildcards

    def minutes(self, rule, attempt=1):
        return self.requests.request(rule, self.wildcards).minutes(attempt)

    def mega_bytes(self, rule, attempt=1):
        return self.requests.request(rule, self.wildcards).mega_bytes(attempt)

    def seconds(self, rule):
        return self.requests.request(rule, self.wildcards).seconds

    def gpu(self, rule):
        return self.requests.request(rule, self.wildcards).gpus

    def group(self, rule):
        return self.requests.group(rule, self.wildcards)


def configured(**user):
    return Workflow(load_settings(user, ROOT))


@pytest.fixture(scope="module")
def paper():
    return {device: Requests(configured(scale="paper", device=device)) for device in ("cpu", "cuda", "auto")}


def asked(paper, experiment, run, device="cpu"):
    return Asked(paper[device], experiment=experiment, run=run)


def every_job(workflow):
    """(rule, wildcards, task) of every job of a run or an experiment."""
    for name, experiment in workflow.experiments.items():
        for run in getattr(experiment, "runs", {}).values():
            for task in run.tasks.values():
                yield task.rule, {"experiment": name, "run": run.name}, task
        for task in experiment.tasks:
            yield task.rule, {"experiment": name, **task.wildcards}, task


class TestGpu:
    @pytest.mark.parametrize(("device", "gpus"), [("auto", 1), ("cuda", 1), ("cpu", 0)])
    def test_is_asked_for_by_the_jobs_that_compute_where_the_user_says(self, paper, device, gpus):
        run = configured(scale="paper", device=device).trained["cifar100_resnet20"].runs["dropout"]
        on_device = {rule for rule, task in run.tasks.items() if task.on_device}
        assert on_device == {"training", "sampling", "curvature", "flatness", "flatness_slices"}
        for rule in run.tasks:
            assert asked(paper, "cifar100_resnet20", "dropout", device).gpu(rule) == (gpus if rule in on_device else 0)

    def test_is_not_asked_for_by_a_training_that_is_compiled_for_the_processor(self, paper):
        assert asked(paper, "curve_tanh", "dropout", "cuda").gpu("training") == 0
        assert asked(paper, "curve_tanh_three", "dropout", "cuda").gpu("training") == 1

    @pytest.mark.parametrize("scale", ["smoke", "quick", "desktop", "paper"])
    def test_is_asked_for_by_what_costs_a_gpus_time_and_by_nothing_else(self, scale):
        workflow = configured(scale=scale, device="cuda")
        jobs = list(every_job(workflow))
        assert len({rule for rule, *_ in jobs}) > 12
        for rule, wildcards, task in jobs:
            costs_gpu = job_cost(rule, workflow, wildcards).gpu_seconds is not None
            compiled = rule == "training" and task.settings["device"] == "cpu"
            assert costs_gpu == task.gpus or compiled, (rule, wildcards)

    def test_a_job_with_settings_for_a_device_is_on_it_and_no_other(self):
        """Every stage that chooses a device reads it from its settings."""
        for rule, wildcards, task in every_job(configured(scale="paper", device="cuda")):
            assert task.on_device == ("device" in task.settings), (rule, wildcards)

    def test_is_known_without_torch_since_every_job_parses_the_workflow(self):
        imported = "import sys, dropscape.resolved.workflow, dropscape.config.load; sys.exit('torch' in sys.modules)"
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

    def test_of_a_custom_network_are_those_of_the_most_expensive_one(self):
        published = configured(scale="paper").trained["cifar100_resnet20"].settings.model_dump()
        published["data"]["dataset"] = "cifar10"

        def asked(**model):
            experiments = {"of_model": published | {"model": model, "block": ["conv1.weight"]}}
            overrides = {"noise_structure": {"experiments": experiments}}
            requests = Requests(configured(scale="paper", device="cuda", overrides=overrides))
            ours = Asked(requests, experiment="of_model", run="dropout")
            return [(ours.minutes(rule), ours.mega_bytes(rule)) for rule in ("training", "noise_spectrum")]

        custom = asked(name="custom", function="mine:network", arguments={})
        assert custom == asked(name="resnet18", classes=10)
        assert custom > asked(name="resnet20", classes=10)

    def test_of_a_job_that_nobody_has_counted_are_those_of_an_hour(self, monkeypatch):
        """Such as that of a measurement that somebody adds."""
        requests = Requests(configured(scale="paper"))
        monkeypatch.setattr(Workflow, "task", lambda self, rule, wildcards: Task(rule, {}))
        assert requests.request("another_rule", {"experiment": "mnist_fnn"}).seconds > UNKNOWN_SECONDS

    def test_of_a_job_that_is_not_there_are_refused(self, paper):
        """A training without dropout has no noise, so that nothing of it is measured or charged."""
        with pytest.raises(LookupError):
            asked(paper, "cifar100_resnet20", "plain").minutes("sampling")


def groups(paper, experiment, run, device):
    """The kind of submission of each job of a run."""
    ours = asked(paper, experiment, run, device)
    tasks = configured(scale="paper", device=device).trained[experiment].runs[run].tasks
    return {rule: ours.group(rule) for rule in tasks}


class TestGroups:
    def test_all_jobs_of_a_run_of_minutes_without_a_gpu_share_a_submission(self, paper):
        assert set(groups(paper, "mnist_two_layer", "dropout-keep0.5-lr0.05", "cpu").values()) == {"run"}
        assert groups(paper, "mnist_two_layer", "dropout-keep0.5-lr0.05", "cuda")["training"] == "gpu"

    @pytest.mark.parametrize("device", ["cpu", "cuda"])
    def test_what_shares_a_submission_with_other_runs_takes_less_than_a_minute_of_each(self, paper, device):
        """Where one of them fails, what the others made is lost with it."""
        seen = set()
        for name, experiment in configured(scale="paper").trained.items():
            for run in experiment.runs.values():
                ours = asked(paper, name, run.name, device)
                jobs = [(ours.group(rule), ours.seconds(rule)) for rule in run.tasks]
                seen |= {kind for kind, _ in jobs}
                assert sum(seconds for kind, seconds in jobs if kind == "short") <= 60, (name, run)
                assert all(seconds <= 60 for kind, seconds in jobs if kind == "gpu"), (name, run)
        assert seen == {"run", "short", "measurements", None} | ({"gpu"} if device == "cuda" else set())

    def test_no_gpu_waits_for_what_needs_none(self, paper):
        for experiment, run, on_gpu in (
            ("mnist_fnn", "keep0.9-lr0.1", {"training", "sampling", "curvature", "noise_alignment", "flatness"}),
            # The others take the GPU for longer.
            ("multi30k_transformer", "dropout", {"training_translation", "curvature", "flatness_slices"}),
        ):
            shared = groups(paper, experiment, run, "cuda")
            assert {rule for rule, group in shared.items() if group == "gpu"} == on_gpu < ON_DEVICE
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
        for device, kind in (("cpu", "measurements"), ("cuda", "gpu")):
            assert paper[device].group("flatness_interpolations", {"experiment": "mnist_two_layer"}) == kind
        assert paper["cuda"].group("subnetworks_cnn", {"experiment": "mnist_cnn", "width": "100"}) is None
        assert paper["cpu"].group("subnetworks_two_layer", {"experiment": "mnist_two_digits"}) is None
