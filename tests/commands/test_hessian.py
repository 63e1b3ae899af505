"""The command ``dropscape``: what it prints, what it writes, and what it says of what cannot work."""

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import torch

import dropscape
from dropscape.commands.main import main

MODEL = """\
import torch
from torch import nn


def build():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Dropout(0.5), nn.Linear(4, 2))


def none():
    return 3
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A working directory with a module and data in double precision, as numpy has them."""
    name = f"model_{tmp_path.name}"
    (tmp_path / f"{name}.py").write_text(MODEL)
    generator = np.random.default_rng(0)
    np.savez(tmp_path / "data.npz", inputs=generator.normal(size=(6, 3)), targets=np.array([0, 1, 0, 1, 1, 0]))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    return name


def test_the_eigenvalues_of_a_block_are_printed_and_written(folder, capsys):
    asked = ["hessian", f"{folder}:build", "--block", "0.weight", "0.bias", "--data", "data.npz", "--top", "3"]
    assert main([*asked, "--out", "out.csv"]) == 0
    printed, written = capsys.readouterr().out, pd.read_csv("out.csv")
    scope = {}
    exec(MODEL, scope)
    model, data = scope["build"]().double().eval(), np.load("data.npz")
    model(torch.zeros(1, 3, dtype=torch.float64))
    parameters = dict(model.named_parameters())
    sizes = [parameters[name].numel() for name in ("0.weight", "0.bias")]

    def loss(vector):
        parts = [
            part.view_as(parameters[n]) for part, n in zip(vector.split(sizes), ("0.weight", "0.bias"), strict=True)
        ]
        outputs = torch.func.functional_call(
            model, {"0.weight": parts[0], "0.bias": parts[1]}, torch.from_numpy(data["inputs"])
        )
        return torch.nn.functional.cross_entropy(outputs, torch.from_numpy(data["targets"]))

    point = torch.cat([parameters["0.weight"].flatten(), parameters["0.bias"]]).detach()
    expected = torch.linalg.eigvalsh(torch.autograd.functional.hessian(loss, point)).flip(0)[:3]
    assert written["eigenvalue"].to_numpy() == pytest.approx(expected.numpy(), rel=1e-4)
    assert "; certificate passed on " in printed
    assert all(f"{value:.3g}"[:4] in printed for value in expected.tolist())


@pytest.mark.parametrize(
    "change, said",
    [
        ({"model": "{}:none"}, "returned a int: write a function without arguments that returns the torch.nn.Module"),
        ({"model": "{}:absent"}, "cannot be imported"),
        ({"--data": "absent.npz"}, "absent.npz cannot be read as data"),
        ({"--data": "other.npz"}, "write it with numpy.savez(file, inputs=..., targets=...)"),
        ({"--data": "{}.py"}, "cannot be read as data"),
        ({"--block": "5.weight"}, "5.weight"),
        ({"--top": "0"}, "0 < top + bottom"),
    ],
)
def test_what_cannot_work_is_one_sentence(folder, capsys, change, said):
    np.savez("other.npz", x=np.zeros(3))
    given = {"model": "{}:build", "--block": "0.weight", "--data": "data.npz", "--top": "2"} | change
    words = [
        word.format(folder) for key, value in given.items() for word in ((key, value) if key != "model" else (value,))
    ]
    assert main(["hessian", *words]) == 1
    error = capsys.readouterr().err
    assert error.startswith("dropscape: ") and error.count("\n") == 1 and said in error


def test_the_version_needs_no_torch():
    code = "import sys; from dropscape.commands.main import main; main(['--version']); print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == f"dropscape {dropscape.__version__}\nFalse\n"
