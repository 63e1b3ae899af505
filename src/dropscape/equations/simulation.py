"""Dropout (paper C, eq. 6), its stochastic modified equations (Theorem 1) and gradient descent on L_S (eq. 7) in time.

All trials of a simulation are one batch. An equation runs for time eta a step, in J inner steps of length h = eta/J, by

- ``euler_maruyama``: Theta - h B(Theta) + sqrt(h eta) N(Theta), B being minus the drift and N noise of covariance
  Sigma. With J = 1, which the paper uses, one step has exactly the mean (order 1) and covariance of a dropout step;
- ``midpoint``: the same with B and N at Theta - (h/2) B(Theta). Euler-Maruyama is off from the equation by O(h) because
  of its drift, as much as the order-1 equation is off from dropout. Here the drift is integrated to second order, and
  since the noise is O(sqrt(eta)) the rest is O(h^2 + eta h): with a fixed J this shows the equation's own order.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from torch import Tensor

from dropscape.equations.draws import Draws
from dropscape.equations.modified_loss import drift, modified_gradient
from dropscape.equations.network import Parameters, Sample, forward, losses_and_accuracies
from dropscape.equations.noise import dropout_gradient, noise, noisy_gradient
from dropscape.equations.trials import SimulationResult, TrialsInProgress, TrialsSettings
from dropscape.errors import ConfigurationError, DivergenceError
from dropscape.training.checkpoint import Checkpoint

EQUATIONS = {"order_1": 1, "order_2": 2, "drift_1": 1, "drift_2": 2}  # their orders; those of drifts have no noise
NOISELESS = ("descent", "drift_1", "drift_2")
METHODS = ("dropout", "descent", *EQUATIONS)
SCHEMES = ("euler_maruyama", "midpoint")


@dataclass(frozen=True, kw_only=True)
class Simulation(TrialsSettings):
    """What decides a simulation of two-layer networks."""

    # ``dropout``; the equation of ``order_1`` or ``order_2``; ``drift_1`` or ``drift_2``, the same without noise, so
    # that ``drift_1`` is the gradient flow of L_S; or ``descent``, gradient descent on L_S.
    method: str
    # J of an equation. A dropout simulation that is to be coupled to it needs the same number.
    inner_steps: int = 1
    scheme: str = "euler_maruyama"  # of an equation
    record_divergence: bool = False  # go on with the other trials where one diverges, which is then NaN

    def __post_init__(self):
        super().__post_init__()
        for name, value, known in (("method", self.method, METHODS), ("scheme", self.scheme, SCHEMES)):
            if value not in known:
                raise ConfigurationError(f"{name} is '{value}'; write one of {', '.join(known)}.")
        if self.inner_steps < 1:
            raise ConfigurationError(f"inner_steps is {self.inner_steps}; write a number of at least 1.")

    def draws(self, start: Parameters, trials: int) -> Draws:
        """The random numbers of so many trials of networks like those at the start."""
        units, dtype, device = start.a.shape[1], start.a.dtype, start.a.device
        return Draws(self.seeds, trials, units, self.purpose, self.inner_steps, dtype, device)


def simulate(
    simulation: Simulation,
    start: Parameters,
    train: Sample,
    test: Sample | None = None,
    *,
    checkpoint: Checkpoint | None = None,
    progress: Callable[..., None] | None = None,
) -> SimulationResult:
    """Run all trials from their start; bit-identical however often it was interrupted.

    Memory: some six arrays of T m n and, for an equation, of T m^2 numbers in the dtype of ``start``, which is the
    dtype of everything. Many trials of a small network are fastest some hundred at a time.

    Args:
        start: of the T trials, float32 or float64; left as it is.
        train: the sample of R_S.
        test: of the test columns.
        checkpoint, progress: as of ``TrainingRun.finish``.

    Raises:
        DivergenceError: a trial's parameters left the finite numbers and it is not to be recorded.
        ConfigurationError: the trials cannot be shared among the seeds.
    """
    return _EquationTrials(simulation, start, train, test).finish(checkpoint, progress)


def path(simulation: Simulation, start: Parameters, train: Sample, at: Sequence[int]) -> Iterator[Parameters]:
    """The parameters of all trials after each of the steps ``at``, in their order; otherwise as ``simulate``.

    Copies, where they are on a device whose steps are replayed.
    """
    trials = _EquationTrials(replace(simulation, steps=max(at)), start, train, None)
    for step in at:
        yield trials.parameters_after(step)


class _EquationTrials(TrialsInProgress):
    def __init__(self, simulation: Simulation, start: Parameters, train: Sample, test: Sample | None):
        super().__init__(simulation, start, train, test)
        self.draws = simulation.draws(start, len(start.a))

    def _next_parameters(self) -> Parameters:
        simulation, parameters = self.simulation, Parameters(*self.parameters)
        if simulation.method in EQUATIONS and simulation.method in NOISELESS:
            for _ in range(simulation.inner_steps):
                parameters = self._inner_step(parameters)
            return parameters
        if simulation.method in EQUATIONS:
            units = self.draws.units(self.done).to(parameters.a.dtype)
            for z, pairs in zip(units, self.draws.pairs(self.done), strict=True):
                parameters = self._inner_step(parameters, z, pairs)
            return parameters
        if simulation.method == "dropout":
            mask = self.draws.mask(self.done, simulation.keep_prob).to(parameters.a.dtype)
            step = dropout_gradient(parameters, self.train, self.activation, mask)
        else:
            step = modified_gradient(forward(parameters, self.train, self.activation), simulation.keep_prob)
        return parameters.add_scaled(step, -simulation.learning_rate)

    def parameters_after(self, step: int) -> Parameters:
        """Take the steps up to this one; a DivergenceError is that of ``_set_diverged``."""
        while self.step < step:
            self._advance()
        self._set_diverged()
        return Parameters(*(value.clone() for value in self.parameters))

    def _inner_step(self, parameters: Parameters, *normals: Tensor) -> Parameters:
        """One inner step with the normals of units and pairs; without noise if there are none."""
        simulation, keep_prob, rate = self.simulation, self.simulation.keep_prob, self.simulation.learning_rate
        order = EQUATIONS[simulation.method]
        length = rate / simulation.inner_steps
        passed = forward(parameters, self.train, self.activation)
        if simulation.scheme == "midpoint":
            middle = parameters.add_scaled(drift(passed, keep_prob, rate, order), -length / 2)
            passed = forward(middle, self.train, self.activation)
        if not normals:
            return parameters.add_scaled(drift(passed, keep_prob, rate, order), -length)
        # Divided by the length the noise has the size sqrt(eta / length) beside the drift.
        scale = math.sqrt(simulation.inner_steps)
        if order == 1:
            return parameters.add_scaled(noisy_gradient(passed, *normals, keep_prob, scale), -length)
        drifted = parameters.add_scaled(drift(passed, keep_prob, rate, order), -length)
        return drifted.add_scaled(noise(passed, *normals, keep_prob), -length * scale)

    def _set_diverged(self) -> None:
        simulation, steps = self.simulation, self.diverged.tolist()
        if not simulation.record_divergence and max(steps) >= 0:
            trial = min((step, trial) for trial, step in enumerate(steps) if step >= 0)[1]
            raise DivergenceError(
                f"Trial {trial} (seed {self.seeds[trial]}) of the {simulation.method} simulation diverged: its "
                f"parameters are not finite after step {steps[trial]} with learning_rate {simulation.learning_rate} "
                f"and keep_prob {simulation.keep_prob}. Write a smaller learning_rate or a larger keep_prob for it."
            )
        super()._set_diverged()

    def _losses_and_accuracies(self, sample: Sample) -> tuple[Tensor, Tensor]:
        return losses_and_accuracies(self._two_layers(), sample, self.activation)

    def _two_layers(self) -> Parameters:
        return Parameters(*self.parameters)

    def _result(self) -> SimulationResult:
        return replace(super()._result(), parameters=Parameters(*self.parameters))
