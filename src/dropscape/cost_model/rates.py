"""How fast one core works, measured, and a GPU, estimated: what turns counts of work into seconds.

Two cores of a virtual Intel Sapphire Rapids server without a GPU, one thread a job, PyTorch 2.13 in float32, read off
the ``benchmark:`` files of whole runs at the scales quick and paper. ``make plan CHECK=1`` compares forecasts with the
files of one's own machine; where it is faster or slower throughout, the ratios say by how much. An AMD EPYC with
AVX-512 took two thirds of the time; what it does in less than half of it has a rate between the two.
"""

from collections.abc import Mapping
from dataclasses import dataclass

FLOAT, DOUBLE = 4, 8  # bytes

# A job's seconds until its script begins to work and the bytes that it then holds, by what it imports.
START_SECONDS = {"torch": 2.6, "tables": 0.55, "drawing": 3.5}
START_BYTES = {"torch": 340e6, "tables": 80e6, "drawing": 200e6}


@dataclass(frozen=True)
class Rate:
    """How fast examples pass through a network.

    Attributes:
        flops: multiplications and additions a second.
        activation: seconds for each number that a layer puts out.
        call: seconds of calling a layer, however few the examples.
    """

    flops: float
    activation: float
    call: float


# Of dense layers the products are all. Convolutions come with batch norms, masks and poolings of what they put out, a
# transformer with softmaxes and with products that are too small to be fast.
_CONVOLUTIONS = Rate(180e9, 1.6e-9, 50e-6)
RATES = {"dense": Rate(90e9, 0.0, 50e-6), "convolutions": _CONVOLUTIONS, "transformer": Rate(100e9, 3.2e-9, 50e-6)}
# Simulations of the equations: many trials of small networks with smooth activations.
SIMULATED = Rate(90e9, 1.5e-9, 0.0)
# What a step of each method takes, in gradients of all examples; and what one evaluation of an equation takes.
GRADIENTS_OF_METHOD = {"dropout": 1, "dropout_again": 1, "order_1": 4, "order_2": 12, "descent": 2}
GRADIENTS_OF_ORDER = {1: 4, 2: 12}
# What a step of the two responses to the noise takes, and what all test functions take at one step.
GRADIENTS_OF_RESPONSE, GRADIENTS_OF_TEST_FUNCTIONS = 6, 12
# What a step of a descent on the risk with noise takes, in gradients of all examples.
GRADIENTS_OF_NOISE = {"dropout": 3, "isotropic": 3.2, "rotated": 3.1, "hessian": 4.5}
# Products of the Hessian that its largest eigenvalue takes, and what one of them and the trace take in forward passes.
LANCZOS_PRODUCTS, PASSES_OF_PRODUCT, PASSES_OF_TRACE = 14, 6, 12


@dataclass(frozen=True)
class GpuRate:
    """How fast a GPU works.

    Attributes:
        flops: multiplications and additions a second, by the precision of the products.
        bytes: that kernels read and write, a second.
        call: seconds until a kernel is launched, however small it is.
        replay: the same in a step that is replayed as one graph.
        memory: bytes that it has.
        eigen: of all eigenpairs of a matrix in float64, seconds times the cube of its size.
    """

    flops: Mapping[str, float]
    bytes: float
    call: float
    replay: float
    eigen: float
    memory: float

    def seconds(
        self, flops: float = 0, moved: float = 0, calls: float = 0, precision: str = "float32", replayed: bool = False
    ) -> float:
        """What kernels take that compute so much and move so many bytes, or their launches if these take longer."""
        launches = calls * (self.replay if replayed else self.call)
        return max(launches, flops / self.flops[precision] + moved / self.bytes)


# An NVIDIA H200, estimated: two thirds of its peak in float32, in convolutions and dense products alike, a third to a
# half of it elsewhere; its eigen-decompositions are ten times as fast as a core's.
GPU = GpuRate(
    flops={"float32": 40e12, "tf32": 200e12, "bfloat16": 400e12, "float64": 30e12},
    bytes=4e12,
    call=8e-6,
    replay=1.5e-6,
    eigen=2.5e-11,
    memory=140e9,
)

# What a step, a sample or a loss calls on a GPU where it is not counted on the network itself: counted on the code.
STACKED_CALLS = 93  # of all seeds together, with their masks
GRADIENT_CALLS = 35  # of a gradient under a fresh mask, written out
HESSIAN_CALLS = 3400  # of a Kronecker sum, for each 10,000 examples
LOSS_CALLS = 23  # of a loss along a direction in one dense layer
OPTIMIZER_CALLS = 10
CNN_CALLS = 53  # of all networks of a group
CALLS_OF_METHOD = {"dropout": 35, "dropout_again": 35, "order_1": 47, "order_1_many": 47, "order_2": 105, "descent": 32}
CALLS_OF_ORDER = {1: 47, 2: 169}  # of one evaluation
# Numbers that it moves: for each parameter in a step, for each activation of a simulated network in a gradient.
OPTIMIZER_NUMBERS, SIMULATED_NUMBERS = 8, 20

# Of paper D's networks: numbers that a step moves, for each parameter, each activation of the wide layer, each bit of
# its mask, and each number of the patches that a convolution multiplies; and seconds in which a parameter is drawn.
CNN_PARAMETER, CNN_ACTIVATION, CNN_MASK_BIT, CNN_PATCH = 4, 12, 40, 6
CNN_DRAWN = 5e-9

# The compiled steps of two-layer networks: seconds of a hidden unit on one example, of a hidden unit whatever the
# batch, and of a hidden unit on one example in a measurement, which is not compiled.
UNIT_SECONDS, STEP_SECONDS, MEASURED_UNIT_SECONDS = 2e-9, 4e-9, 12e-9

# Algorithm 1 of paper D, compiled: seconds of a weight in a step; and its convolutional networks, compiled in part.
COMPILED_WEIGHT_SECONDS = 0.14e-9
COMPILED_CONVOLUTION_FLOPS = 50e9

PRODUCT_FLOPS = 80e9  # of products of large matrices, with what stands around them
GRADIENT_FLOPS = 50e9  # of written-out gradients under fresh masks, with the drawing of the masks
LOSS_FLOPS = 38e9  # of losses along a direction in one dense layer
EIGEN_SECONDS = 2.8e-10  # of all eigenpairs of a matrix in float64, times the cube of its size

LOSSES_OF_A_DIRECTION, LOSSES_OF_A_FACTOR = 10, 2.5  # loss values that an interval takes
CONDENSED_SNAPSHOT = 0.15  # seconds for one seed
# Seconds for one.
THEORY_NETWORK = {
    "closed_forms": 0.1,
    "perturbations": 0.015,
    "flatness_flow": 0.01,
    "neuron_pairs": 0.015,
    "modified_flow": 0.3,
}
PREPARED_EXAMPLE = 2e-5  # seconds
# Seconds of a claim; and of each seed of a run, where its statistic is measured on many samples of the directions.
CLAIM, CLAIM_OF_DIRECTIONS = 0.02, 0.085
REPORTED_FIGURE = 0.06  # seconds of packing a figure's files into the report, and of its small picture
OF_DIRECTIONS = ("variance_flatness", "projected_variance", "factor_sensitivity", "gradients_more_linear")
