"""Faults that are put into the library are noticed: every move that is left out, results that are not copied back."""

import pytest
import torch

from dropscape.models.fnn import FullyConnected
from dropscape.sampling.gradients import dropout_gradients
from tests.gpu import tensors
from tests.gpu.operations import aten
from tests.gpu.pretended import pretended
from tests.gpu.stages import STAGES, Artifacts, run_stage
from tests.gpu.tensors import OnGpu
from tests.gpu.trainings import FNN, STACKED, trained


def sampled():
    options = {"keep_prob": 0.5, "dropout_after": 1, "samples": 2, "seed": 0, "loss": "mse", "device": "cuda"}
    dropout_gradients(
        FullyConnected([4, 5, 3, 2]), ["layers.1.weight"], (torch.rand(6, 4), torch.rand(6, 2)), **options
    )


RUNS = {"stacked": lambda: trained(STACKED, "cuda"), "fnn": lambda: trained(FNN, "cuda"), "sampling": sampled}


def moves_without(monkeypatch, left_out):
    """Leave out the move of that number; return the list of all moves, which grows."""
    run, moves = tensors.run, []

    def leaves_out(call, arguments, options):
        moves_there = call is aten._to_copy.default and torch.device(options.get("device") or "cpu").type == "cuda"
        if moves_there and not isinstance(arguments[0], OnGpu) and arguments[0].ndim:
            moves.append(tuple(arguments[0].shape))
            if len(moves) - 1 == left_out:
                return call(*arguments, **{**options, "device": torch.device("cpu")})
        return run(call, arguments, options)

    monkeypatch.setattr(tensors, "run", leaves_out)
    return moves


@pytest.mark.parametrize("name", RUNS)
def test_every_move_that_is_left_out_is_noticed(name, monkeypatch):
    with pretended(), monkeypatch.context() as context:
        moves = moves_without(context, None)
        RUNS[name]()
    assert len(moves) >= 6
    for number, shape in enumerate(moves):
        with pretended(), monkeypatch.context() as context:
            moves_without(context, number)
            with pytest.raises(RuntimeError, match="same device"):
                RUNS[name]()
                pytest.fail(f"nobody missed move {number}, of {shape}")


@pytest.fixture(scope="module")
def artifacts(tmp_path_factory):
    return Artifacts(tmp_path_factory.mktemp("artifacts"))


def failed(artifacts, name, folder, capsys):
    """What a stage that fails writes."""
    with pytest.raises(SystemExit):
        run_stage(STAGES[name], "cuda", artifacts.of(STAGES[name]), folder)
    return capsys.readouterr().err


@pytest.mark.parametrize("name", ["training, stacked", "training, general", "sampling", "alignment", "noises"])
def test_a_result_that_is_not_copied_back_is_noticed(artifacts, counts, name, tmp_path, monkeypatch, capsys):
    artifacts.of(STAGES[name])
    monkeypatch.setattr(OnGpu, "cpu", lambda value: value)
    said = failed(artifacts, name, tmp_path, capsys)
    assert "can't convert cuda:0" in said or "same device" in said
