"""What jobs ask of a scheduler, held against what runs at the papers' settings recorded on one core."""

import re
from pathlib import Path

import pytest

from dropscape.config.load import load_settings
from dropscape.config.requests import MOST_MINUTES, NETWORKS, ON_DEVICE, Requests
from dropscape.models.registry import build

ROOT = Path(__file__).parents[2]
CPU_RULES = ("curvature", "flatness", "flatness_slices", "noise_spectrum", "condensation")


@pytest.fixture(scope="module")
def paper():
    return load_settings({"scale": "paper"}, ROOT)


def requests(settings, experiment, run, device="cpu"):
    return Requests(settings.experiment(experiment), run, device)


class TestGpu:
    @pytest.mark.parametrize(("device", "asked"), [("auto", 1), ("cuda", 1), ("cpu", 0)])
    def test_is_asked_for_by_the_rules_that_compute_where_the_user_says(self, paper, device, asked):
        ours = requests(paper, "cifar100_resnet20", "dropout", device)
        assert {ours.gpu(rule) for rule in ON_DEVICE} == {asked}
        assert {ours.gpu(rule) for rule in CPU_RULES} == {0}

    def test_is_not_asked_for_by_a_training_that_is_compiled_for_the_processor(self, paper):
        compiled = requests(paper, "curve_tanh", "dropout", "cuda")
        assert (compiled.device_of("training"), compiled.gpu("training")) == ("cpu", 0)
        assert requests(paper, "curve_tanh_three", "dropout", "cuda").device_of("training") == "cuda"

    def test_every_script_whose_stage_chooses_a_device_asks_for_its_gpu_and_no_other(self):
        for script in (ROOT / "workflow/scripts").glob("*.py"):
            text = script.read_text()
            stages = re.findall(r"^from (dropscape\.\S*stage) import", text, flags=re.MULTILINE)
            choose = [
                stage
                for stage in stages
                if "chosen_device(" in (ROOT / "src" / stage.replace(".", "/")).with_suffix(".py").read_text()
            ]
            assert bool(choose) == ("snakemake.resources.gpu" in text), script.name
        assert all((ROOT / f"workflow/scripts/{rule}.py").exists() for rule in ON_DEVICE)


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
        ours = requests(paper, experiment, run)
        assert 1.5 * seconds < 60 * ours.minutes(rule, 1) < 20 * seconds + 3600
        assert 1.5 * mega_bytes < ours.mega_bytes(1) < 6000

    def test_grow_with_the_run_and_with_every_attempt(self, paper):
        small, large = (requests(paper, name, "dropout") for name in ("multi30k_transformer", "cifar100_resnet20"))
        assert small.minutes("sampling", 1) < large.minutes("sampling", 1)
        slow, fast = (requests(paper, "mnist_fnn", f"keep0.8-lr{rate}") for rate in (0.1, 0.2))
        assert fast.minutes("training", 1) < slow.minutes("training", 1)
        assert slow.minutes("training", 3) == 3 * slow.minutes("training", 1)
        assert slow.mega_bytes(2) == 2 * slow.mega_bytes(1)

    def test_a_gpu_shortens_and_nothing_asks_for_more_than_sites_grant(self, paper):
        on_cpu, on_gpu = (requests(paper, "cifar100_resnet20", "dropout", device) for device in ("cpu", "cuda"))
        assert on_cpu.minutes("training", 1) == MOST_MINUTES > on_gpu.minutes("training", 1)
        assert on_cpu.minutes("training", 4) == MOST_MINUTES

    def test_know_the_size_of_every_published_network(self):
        models = {
            "fnn": {"widths": [784, 50, 50, 10], "activation": "relu"},
            "vgg9": {"classes": 10, "width": 1},
            "vgg16": {"classes": 10, "width": 1},
            "resnet20": {"classes": 100, "width": 16, "blocks": 3},
            "resnet18": {"classes": 10, "width": 64},
        }
        for name, model in models.items():
            weights = sum(parameter.numel() for parameter in build({"name": name, **model}).parameters())
            assert NETWORKS[name].weights == pytest.approx(weights / 1e6, rel=0.05)


class TestGroups:
    RULES = ("training", "sampling", "noise_alignment", *CPU_RULES)

    def test_all_jobs_of_a_run_of_minutes_without_a_gpu_share_a_submission(self, paper):
        assert {requests(paper, "curve_tanh", "dropout", "cuda").group(rule) for rule in self.RULES} == {"short"}
        assert {requests(paper, "curve_tanh_three", "dropout").group(rule) for rule in self.RULES} == {"short"}
        assert requests(paper, "curve_tanh_three", "dropout", "cuda").group("training") == "gpu"

    def test_no_gpu_waits_for_what_needs_none(self, paper):
        for experiment, run in (("mnist_fnn", "keep0.9-lr0.1"), ("multi30k_transformer", "dropout")):
            ours = requests(paper, experiment, run, "cuda")
            shared = {rule: ours.group(rule) for rule in self.RULES}
            assert {rule for rule, group in shared.items() if group == "gpu"} <= set(ON_DEVICE)
            assert {rule for rule, group in shared.items() if group == "measurements"} <= set(CPU_RULES)

    def test_long_jobs_stand_by_themselves(self, paper):
        ours = requests(paper, "cifar100_resnet20", "dropout", "cuda")
        rules = {*self.RULES} - {"noise_alignment"}  # it has none
        assert {rule for rule in rules if ours.group(rule)} == {"noise_spectrum", "condensation"}

    def test_a_training_that_starts_where_another_ends_stands_by_itself(self, paper):
        ours = requests(paper, "curve_tanh", "plain-then-dropout")
        assert [ours.group(rule) for rule in ("training", "condensation")] == [None, "measurements"]
