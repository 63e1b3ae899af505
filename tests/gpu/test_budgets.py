"""What a step, or a sample, asks of a GPU: never more than the tables say, at the sizes of ``trainings``.

They are counted with the flags of a job, deterministic algorithms among them. What is done once for a whole training
does not count. A count that falls is to be written into its table.
"""

import re
from dataclasses import replace

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
from dropscape.sampling.modules import module_gradients
from dropscape.sampling.ratio import loss_gradient_ratio
from dropscape.subnetworks.cnn import Shape
from dropscape.subnetworks.cnn_training import CnnRun, CnnTraining
from tests.gpu.compared import moved
from tests.gpu.pretended import pretended
from tests.gpu.trainings import TRAININGS, examples, trained
from tests.training.networks import VGG

# What ``tests.gpu.counts`` says of each kind.
TABLE = """
loop                                    calls  replays  waits  to_device  to_processor  generators  fills
training: stacked                          79        0      2          0             1           0      1
training: stacked, shared masks            79        0      2          0             1           0      1
training: stacked, no dropout              53        0      2          0             1           0      0
training: objective dropout                80        0      1          0             0           0      0
training: objective risk                   30        0      1          0             0           0      0
training: objective risk_plus_r1           49        0      1          0             0           0      0
training: objective risk_plus_r2          225        0      8          0             0           0      0
training: objective dropout_minus_r2      196        0      7          0             0           0      0
training: objective dropout_minus_r1       99        0      1          0             0           0      0
training: objective dropout_plus_r2       196        0      7          0             0           0      0
training: objective in micro-batches      591        0      7          0             0           0      0
training: classes                         167        0      1          0             0           0      0
training: classes in batches              121        0      1          1             0           0      0
training: smoothed classes                143        0      1          0             0           0      0
training: resnet                         1037        0      1          0             0           0      0
training: vgg                             615        0      1          1             0           0      3
training: sentences                      1239        0      1          0             0           0      0
sampling                                   35        0      0          0             0           0      0
sampling of images                        379        0      0          0             0           0      2
ratio of images                           465        0      2          0             0           0      2
equation: dropout                          35        0      1          0             1           1      1
equation: order_1                          47        0      1          0             1           2      1
equation: order_2                         105        0      1          0             1           2      1
equation: descent                          32        0      1          0             1           0      1
equation: sampled                          47        0      1          3             1           0      0
equation: midpoint                        338        0      1          0             1           2      4
sub-networks                               53        0      1          1             0           0      0
loss of a layer                            23        0      1          0             1           0      0
Hessian, Kronecker                        187        0     12          0             0           0     10
Hessian, Jacobians                        661        0      5          1             0           0     12
Hessian, pre-activations                  596        0      5          1             0           0      0
Hessian, products                         841        0      1          0             0           0      0
loss of images                             84        0      2          0             0           0      2
"""
KINDS, *_ROWS = (re.split(r"  +", line) for line in TABLE.strip().splitlines())
KINDS = KINDS[1:]
BUDGETS = {name: dict(zip(KINDS, map(int, numbers), strict=True)) for name, *numbers in _ROWS}


def _scatters(reason):
    return pytest.mark.xfail(strict=True, reason=reason)


_OF_CLASSES = _scatters("the loss takes the output of the right class by gather, whose gradient is a scatter")
_STACKED = _scatters("a step scatters into the errors, and adds the first layer's gradient by an index")
SCATTERING = {
    "training: stacked": _STACKED,
    "training: stacked, shared masks": _STACKED,
    "training: stacked, no dropout": _STACKED,
    **{
        f"training: {name}": _OF_CLASSES
        for name in ("classes", "classes in batches", "smoothed classes", "resnet", "vgg")
    },
    "training: sentences": _OF_CLASSES,
    "sub-networks": _scatters("the rows of kept units are found, copied and put back"),
}


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
    dropout_gradients(fully_connected(), ["layers.1.weight"], inputs, classes, samples=samples, **options)


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
            block_hessian(model, block, inputs, classes)

    return loop


LOOPS = {
    **{f"training: {name}": training(name) for name in TRAININGS},
    "sampling": sampling,
    "sampling of images": module_sampling(
        lambda model, *given, **options: module_gradients(model, ["block2.conv1.weight"], *given, **options)
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


def of_one(loop, few=2, more=4):
    """Counts of one step of a loop, and the places of the longer one."""
    found = []
    for steps in (few, more):
        with pretended() as counts:
            torch.use_deterministic_algorithms(True, warn_only=True)
            torch.backends.cudnn.allow_tf32 = False
            loop(steps)
            found.append({kind: counts.of(kind) for kind in (*KINDS, "scatters")})
            places = {kind: counts.described(kind) for kind in found[-1]}
    before, after = found
    return {kind: (after[kind] - before[kind]) / (more - few) for kind in after}, places


@pytest.mark.parametrize("name", LOOPS)
def test_a_step_asks_for_no_more_than_before(name):
    found, places = of_one(LOOPS[name])
    grown = [kind for kind in KINDS if found[kind] > BUDGETS[name][kind]]
    line = f"{name:38}" + "".join(f"{found[kind]:{max(len(kind) + 2, 7)}g}" for kind in KINDS)
    print(line)  # with -s: the table as it is now
    assert not grown, "\n\n".join([f"it would be\n{line}", *(f"{kind}:\n{places[kind]}" for kind in grown)])


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=SCATTERING.get(name, ())) for name in LOOPS if not name.startswith("Hessian")]
)
def test_a_step_scatters_nothing(name):
    found, places = of_one(LOOPS[name])
    assert found["scatters"] == 0, places["scatters"]
