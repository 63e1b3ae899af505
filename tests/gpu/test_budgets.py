"""What a step, or a sample, asks of a GPU: never more than the tables say, at the sizes of ``trainings``.

They are counted with the flags of a job, deterministic algorithms among them. What is done once for a whole training
does not count. A count that falls is to be written into its table. Hessians count with their certificates, which on so
few examples ask for as much as the Hessians do.
"""

import re
from dataclasses import replace
from functools import cache

import pytest
import torch

from dropscape.curvature.hessian import block_hessian
from dropscape.equations.inputs import initial_weights
from dropscape.equations.network import Sample, two_layers
from dropscape.equations.sampled import SampledSimulation, SampledTrials
from dropscape.equations.simulation import Simulation, simulate
from dropscape.flatness.profile import loss_profile
from dropscape.models.fnn import FullyConnected
from dropscape.models.registry import initialised
from dropscape.sampling.gradients import dropout_gradients
from dropscape.sampling.ratio import loss_gradient_ratio
from dropscape.subnetworks.cnn import Shape
from dropscape.subnetworks.cnn_training import CnnRun, CnnTraining
from tests.gpu.compared import moved
from tests.gpu.pretended import pretended
from tests.gpu.trainings import TRAININGS, examples, trained
from tests.training.networks import VGG

# What ``tests.gpu.counts`` says of each kind.
TABLE = """
loop                                    calls  replays  replayed  waits  to_device  to_processor  generators  fills
training: stacked                           1        1        91      0          0             0           0      1
training: stacked, shared masks             1        1        91      0          0             0           0      1
training: stacked, no dropout               1        1        65      0          0             0           0      0
training: stacked, dropout noise            1        1       205      0          0             0           0      2
training: stacked, isotropic noise          1        1       246      0          0             0           0      3
training: stacked, rotated noise            1        1       211      0          0             0           0      2
training: stacked, hessian noise            1        1       327      0          0             0           0      2
training: objective dropout                 2        1        93      0          0             0           0      0
training: objective risk                    2        1        45      0          0             0           0      0
training: objective risk_plus_r1            2        1        64      0          0             0           0      0
training: objective risk_plus_r2            2        1       248      0          0             0           0      0
training: objective dropout_minus_r2        2        1       218      0          0             0           0      0
training: objective dropout_minus_r1        2        1       112      0          0             0           0      0
training: objective dropout_plus_r2         2        1       218      0          0             0           0      0
training: micro-batches                     2        1       218      0          0             0           0      0
training: classes                           2        1       177      0          0             0           0      0
training: classes in batches                4        1       135      0        0.5             0           0      0
training: smoothed classes                  2        1       153      0          0             0           0      0
training: resnet                            2        1       564      0          0             0           0      0
training: vgg                               4        1       352      0          1             0           0      3
training: sentences                         2        1       606      0          0             0           0      0
training: micro-batches, no memory          2        1       605      0          0             0           0      0
training: resnet, no memory                 2        1      1023      0          0             0           0      0
sampling                                   33        0         0      0          0             0           0      0
sampling of images                        176        0         0      0          0             0           0      1
ratio of images                           219        0         0      0          0             0           0      1
equation: dropout                           0        1        89      0          0             0           0      2
equation: order_1                           0        1       133      0          0             0           0      3
equation: order_2                           0        1       191      0          0             0           0      3
equation: descent                           0        1        39      0          0             0           0      1
equation: sampled                           0        1       127      0          0             0           0      1
equation: midpoint                          0        1       456      0          0             0           0      7
sub-networks                                3        1        58      0          0             0           0      0
loss of a layer                            23        0         0      1          0             1           0      0
Hessian, Kronecker                        490        0         0     31          2             0           0     12
Hessian, Jacobians                       1247        0         0     22          4             0           0     19
Hessian, pre-activations                  951        0         0     22          4             0           0      0
Hessian, products                        1580        0         0     20          2             0           0      0
loss of images                             92        0         0      1          0             1           0      2
"""
KINDS, *_ROWS = (re.split(r"  +", line) for line in TABLE.strip().splitlines())
KINDS = KINDS[1:]
BUDGETS = {name: dict(zip(KINDS, map(float, numbers), strict=True)) for name, *numbers in _ROWS}


def training(name):
    def loop(steps):
        course = {"steps": steps, "trajectory_steps": 0, "recorded": (0, steps), "history": (0, steps), "seeds": (0,)}
        trained(replace(TRAININGS[name], **course), "cuda")

    return loop


def fully_connected(activation="relu"):
    torch.manual_seed(0)
    return FullyConnected([9, 6, 5, 3], activation).eval()


def sampling(samples):
    inputs, classes = examples(TRAININGS["stacked"], 16)
    options = {"keep_prob": 0.5, "dropout_after": 1, "seed": 0, "device": "cuda"}
    dropout_gradients(fully_connected(), ["layers.1.weight"], (inputs, classes), samples=samples, **options)


def module_sampling(measure):
    def loop(samples):
        inputs, classes = examples(TRAININGS["vgg"], 16)
        options = {"keep_prob": 0.8, "samples": samples, "seed": 0, "micro_batch": 8, "device": "cuda"}
        loss = torch.nn.functional.cross_entropy
        measure(initialised(VGG, 0), inputs, classes, lambda *given: loss(*given, reduction="none"), **options)

    return loop


def equation(method, **options):
    def loop(steps):
        generator = torch.Generator().manual_seed(0)
        train = Sample(torch.rand(9, 5, generator=generator), torch.rand(9, 3, generator=generator))
        start = initial_weights([4, 6, 3], None, [0], 5)
        common = {"activation": "tanh", "keep_prob": 0.8, "learning_rate": 0.1, "steps": steps, "seeds": (0,)}
        common |= {"history": (0, steps), "purpose": "test"} | options
        train, start = moved((train, start))
        if method == "sampled":
            SampledTrials(SampledSimulation(**common, samples=4, batch_size=3), start, train, None).finish()
        else:
            simulate(Simulation(**common, method=method), two_layers(start), train)

    return loop


def subnetworks(steps):
    generator = torch.Generator().manual_seed(0)
    images, classes = torch.rand(80, 1, 12, 12, generator=generator), torch.randint(3, (80,), generator=generator)
    config = CnnTraining(Shape(12, (2, 3), 6, 8, 3), (0.4, 0.7), (0, 0), 0.05, 8, steps, (0, steps), 2)
    CnnRun(config, *moved(((images, classes), (images[:9], classes[:9])))).finish()


def losses(name, block):
    def loop(distances):
        config = TRAININGS["vgg" if name == "vgg" else "stacked"]
        model = initialised(VGG, 0) if name == "vgg" else fully_connected()
        inputs, classes = examples(config, 16)
        profile = loss_profile(*moved((model.eval(), block, inputs, classes)))
        profile.point_along(torch.ones(model.get_parameter(block[0]).numel(), device="cuda"))
        for distance in range(distances):
            profile.losses([-0.1 * distance, 0.1 * distance])

    return loop


def hessian(name, block):
    def loop(times):
        config = TRAININGS["vgg" if name == "vgg" else "stacked"]
        model = initialised(VGG, 0) if name == "vgg" else fully_connected(name)
        model, inputs, classes = moved((model.eval(), *examples(config, 16)))
        for _ in range(times):
            block_hessian(model, block, (inputs, classes))

    return loop


LOOPS = {
    **{f"training: {name}": training(name) for name in TRAININGS},
    **{f"training: {name}, no memory": training(name) for name in ("micro-batches", "resnet")},
    "sampling": sampling,
    "sampling of images": module_sampling(
        lambda model, *data, **options: dropout_gradients(model, "block2.conv1.weight", data[:2], data[2], **options)
    ),
    "ratio of images": module_sampling(loss_gradient_ratio),
    **{f"equation: {method}": equation(method) for method in ("dropout", "order_1", "order_2", "descent", "sampled")},
    "equation: midpoint": equation("order_2", scheme="midpoint", inner_steps=2),
    "sub-networks": subnetworks,
    "loss of a layer": losses("fnn", ["layers.1.weight"]),
    "Hessian, Kronecker": hessian("relu", ["layers.1.weight"]),
    "Hessian, Jacobians": hessian("vgg", ["output.weight"]),
    "Hessian, pre-activations": hessian("tanh", ["layers.1.weight"]),
    "Hessian, products": hessian("tanh", ["layers.1.weight", "layers.2.weight"]),
    "loss of images": losses("vgg", ["block2.conv1.weight"]),
}


@cache
def of_one(name, few=5, more=7):
    """Counts of one step of a loop, once all is prepared for it, and the places of the longer one."""
    found = []
    for steps in (few, more):
        with pretended(**({"memory": 0} if name.endswith("no memory") else {})) as counts:
            torch.use_deterministic_algorithms(True, warn_only=True)
            torch.backends.cudnn.allow_tf32 = False
            LOOPS[name](steps)
            found.append({kind: counts.of(kind) for kind in (*KINDS, "scatters")})
            places = {kind: counts.described(kind) for kind in found[-1]}
    before, after = found
    return {kind: (after[kind] - before[kind]) / (more - few) for kind in after}, places


@pytest.mark.parametrize("name", LOOPS)
def test_a_step_asks_for_no_more_than_before(name):
    found, places = of_one(name)
    grown = [kind for kind in KINDS if found[kind] > BUDGETS[name][kind]]
    line = f"{name:38}" + "".join(f"{found[kind]:{max(len(kind) + 2, 7)}g}" for kind in KINDS)
    print(line)  # with -s: the table as it is now
    assert not grown, "\n\n".join([f"it would be\n{line}", *(f"{kind}:\n{places[kind]}" for kind in grown)])


@pytest.mark.parametrize("name", [name for name in LOOPS if not name.startswith("Hessian")])
def test_a_step_scatters_nothing(name):
    found, places = of_one(name)
    assert found["scatters"] == 0, places["scatters"]


def test_a_wait_that_is_added_to_a_step_is_noticed(monkeypatch):
    forward = FullyConnected.forward
    monkeypatch.setattr(FullyConnected, "forward", lambda model, x: forward(model, x * float(x.isfinite().all())))
    found, _ = of_one.__wrapped__("training: classes")
    assert found["waits"] == 1 and found["replays"] == 0 and found["calls"] > 100
