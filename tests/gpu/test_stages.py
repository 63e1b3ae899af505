"""Every stage on the pretended GPU, as a job of the workflow: the processor's results, interrupted or not."""

import pytest

from dropscape.training.checkpoint import Checkpoint
from tests.gpu.compared import assert_close
from tests.gpu.pretended import pretended
from tests.gpu.stages import STAGES, Artifacts, run_stage

WITH_STATES = [name for name in STAGES if name.startswith("training") or "trajectories" in name]
WITH_STATES += ["weak errors", "noises", "sub-networks"]
# Batch norms of few images divide by small numbers.
RELATIVES = {"training, images": 1e-4}


@pytest.fixture(scope="module")
def artifacts(tmp_path_factory):
    return Artifacts(tmp_path_factory.mktemp("artifacts"))


@pytest.mark.parametrize("name", STAGES)
def test_a_stage_gives_what_the_processor_gives(artifacts, name, tmp_path):
    stage = STAGES[name]
    inputs = artifacts.of(stage)
    expected = run_stage(stage, "cpu", inputs, tmp_path)
    with pretended() as counts:
        found = run_stage(stage, "cuda", inputs, tmp_path)
    assert_close(found, expected, RELATIVES.get(name, 1e-5))
    assert counts.of("calls") > 0
    assert counts.of("tf32") == 0, counts.described("tf32")
    assert counts.of("unrepeatable") == 0, counts.described("unrepeatable")


@pytest.mark.parametrize("name", WITH_STATES)
def test_an_interrupted_stage_ends_bit_identical(artifacts, counts, name, tmp_path, monkeypatch):
    """Stopped after its second state and after the second one from there on."""
    stage = STAGES[name]
    inputs = artifacts.of(stage)
    expected = run_stage(stage, "cuda", inputs, tmp_path)
    saved, went_on = [], []
    save, load = Checkpoint.save, Checkpoint.load

    def stopped(checkpoint, *state):
        save(checkpoint, *state)
        saved.append(checkpoint)
        if len(saved) in (2, 4):
            raise InterruptedError

    def loaded(checkpoint):
        state = load(checkpoint)
        went_on.append(state is not None)
        return state

    monkeypatch.setattr(Checkpoint, "save", stopped)
    monkeypatch.setattr(Checkpoint, "load", loaded)
    for _ in range(2):
        with pytest.raises(SystemExit):
            run_stage(stage, "cuda", inputs, tmp_path, seconds=0)
    went_on.clear()
    found = run_stage(stage, "cuda", inputs, tmp_path, seconds=0)
    assert any(went_on)
    assert_close(found, expected, relative=0)
