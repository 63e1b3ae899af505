"""Trainings on the pretended GPU: the processor's results, resumed bit for bit, in the precision that was asked for."""

from dataclasses import replace

import pytest
import torch

from dropscape.models.fnn import FullyConnected
from dropscape.training.checkpoint import Checkpoint
from tests.gpu.compared import RELATIVE, assert_close
from tests.gpu.pretended import pretended
from tests.gpu.trainings import CLASSES, CNN, FNN, STACKED, TRAININGS, trained
from tests.training.interruptions import Killed, assert_bit_identical, killed_at

# Where rounding grows: batch norms of four images, and Adam, which divides small gradients by their own size.
RELATIVES = {"resnet": 1e-4, "vgg": 1e-4, "sentences": 1e-4}


@pytest.mark.parametrize("name", TRAININGS)
def test_a_training_ends_as_on_the_processor(name):
    expected = trained(TRAININGS[name])
    with pretended() as counts:
        found = trained(TRAININGS[name], "cuda")
    assert_close(found, expected, RELATIVES.get(name, RELATIVE))
    assert counts.of("tf32") == 0, counts.described("tf32")
    assert counts.of("unrepeatable") == 0, counts.described("unrepeatable")


@pytest.mark.parametrize("name", ["micro-batches", "objective risk_plus_r2", "resnet", "sentences"])
def test_a_gpu_without_memory_takes_the_micro_batches_of_the_processor(name):
    config = replace(TRAININGS[name], micro_batch=8)
    expected = trained(config)
    with pretended(memory=0):
        found = trained(config, "cuda")
    assert_close(found, expected, RELATIVES.get(name, RELATIVE))


@pytest.mark.parametrize("name", ["stacked", "objective dropout_plus_r2", "classes in batches", "vgg", "sentences"])
def test_an_interrupted_training_ends_bit_identical(counts, name, tmp_path):
    """Killed at two steps, of which it goes on from the last one that was saved."""
    config = TRAININGS[name]
    expected = trained(config, "cuda")
    for step in (2, 4):
        with pytest.raises(Killed):
            trained(config, "cuda", checkpoint=Checkpoint(tmp_path / "state", 0), progress=killed_at(step))
    steps = []
    found = trained(
        config, "cuda", checkpoint=Checkpoint(tmp_path / "state", 0), progress=lambda done, *_, **__: steps.append(done)
    )
    assert steps[0] > 3, "it began anew"
    assert_bit_identical(found, expected)


@pytest.mark.parametrize("config", [STACKED, FNN, CNN], ids=["stacked", "fnn", "resnet"])
def test_float32_is_float32_whatever_torch_was_told_before(counts, config):
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = True
    trained(config, "cuda")
    assert counts.of("tf32") == 0, counts.described("tf32")
    assert torch.backends.cuda.matmul.allow_tf32 and torch.backends.cudnn.allow_tf32


def test_tf32_is_taken_where_it_is_asked_for(counts):
    trained(replace(CNN, precision="tf32"), "cuda")
    kinds = {what.partition(" at ")[0] for what in counts.places("tf32")}
    assert {"convolution", "convolution_backward", "addmm"} <= kinds


def test_bfloat16_is_as_far_from_float32_as_its_digits(counts):
    exact, found = (
        torch.cat([value.flatten() for value in trained(config, "cuda").parameters.values()])
        for config in (CNN, replace(CNN, precision="bfloat16"))
    )
    assert counts.of("tf32") == 0
    assert 1e-5 < float((found - exact).norm() / exact.norm()) < 3e-2


def test_a_step_that_waits_is_taken_without_a_graph(counts, monkeypatch, capsys):
    """As a network of somebody's own may do."""
    expected = trained(CLASSES, "cuda")
    assert counts.of("replays") > 0
    counts.reset()
    forward = FullyConnected.forward
    monkeypatch.setattr(FullyConnected, "forward", lambda model, x: forward(model, x * float(x.isfinite().all())))
    found = trained(CLASSES, "cuda")
    assert counts.of("replays") == 0 and "cannot be captured" in capsys.readouterr().err
    assert_close(found, expected)
