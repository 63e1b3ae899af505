"""How fast one core works, measured: what turns counts of work into seconds.

Two cores of a virtual Intel Sapphire Rapids server without a GPU, one thread a job, PyTorch 2.13 in float32, read off
the ``benchmark:`` files of whole runs at the scales quick and paper. ``make plan CHECK=1`` compares forecasts with the
files of one's own machine; where it is faster or slower throughout, the ratios say by how much. An AMD EPYC with
AVX-512 took two thirds of the time; what it does in less than half of it has a rate between the two.
"""

from dataclasses import dataclass

FLOAT, DOUBLE = 4, 8  # bytes

# A job's seconds until its script begins to work and the bytes that it then holds, by what it imports.
START_SECONDS = {"torch": 4.0, "tables": 0.55, "drawing": 3.5}
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
GRADIENTS_OF_METHOD = {"dropout": 1, "order_1": 4, "order_2": 12, "descent": 2}
GRADIENTS_OF_ORDER = {1: 4, 2: 12}

# A data-centre GPU in float32. Assumed, not measured: there was none.
GPU = Rate(10e12, 2e-12, 10e-6)

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
THEORY_NETWORK = {"closed_forms": 0.1, "perturbations": 0.015, "flatness_flow": 0.01}  # seconds for one
PREPARED_EXAMPLE = 2e-5  # seconds
# Seconds of a claim; and of each seed of a run, where its statistic is measured on many samples of the directions.
CLAIM, CLAIM_OF_DIRECTIONS = 0.02, 0.085
OF_DIRECTIONS = ("variance_flatness", "projected_variance", "factor_sensitivity", "gradients_more_linear")
