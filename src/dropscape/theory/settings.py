"""The typed configuration of the papers' theory: one section for each table of ``dropscape.theory.tables``."""

from typing import Annotated

from pydantic import Field

from dropscape.schema import Count, KeepProb, Positive, Strict


class ClosedFormsSettings(Strict):
    """Theorems 1 and 2 and Proposition 1 of paper A (section 8) against the enumeration of all masks."""

    networks: Count = Field(description="Number of random networks.")
    keep_probs: list[KeepProb] = Field(description="Keep probabilities.", min_length=1)
    seed: int = Field(0, description="Seed of the networks and their data.")


class InterpolantsSettings(Strict):
    """Three functions through the same points and their R_1 (paper B, Fig. 11)."""

    neurons: Annotated[int, Field(ge=3)] = Field(description="Neurons of each network.")
    widths: list[Annotated[int, Field(ge=3)]] = Field([], description="Other numbers of neurons to compare R_1 at.")
    keep_prob: KeepProb = Field(description="Keep probability; scales R_1.")


class NeuronPairsSettings(Strict):
    """Two ReLU neurons that fit two points, or one, under R_S + R_1 (paper B, section VI.B)."""

    networks: Count = Field(description="Number of random networks.")
    keep_prob: KeepProb = Field(description="Keep probability; scales R_1.")
    seed: int = Field(0, description="Seed of the networks and their data.")


class PerturbationsSettings(Strict):
    """Theorem 1 of paper B on random interpolants of one-dimensional data."""

    networks: Count = Field(description="Number of random networks in each situation.")
    seed: int = Field(0, description="Seed of the networks and their data.")


class FlatnessFlowSettings(Strict):
    """Theorem 2 of paper B on random networks without loss."""

    networks: Count = Field(description="Number of random networks of each size.")
    sizes: list[Annotated[list[Count], Field(min_length=3, max_length=3)]] = Field(
        description="Input dimension, hidden units and examples of each size.", min_length=1
    )
    keep_probs: list[KeepProb] = Field(description="Keep probabilities, which the networks take in turn.", min_length=1)
    seed: int = Field(0, description="Seed of the networks and their data.")


class ModifiedFlowSettings(Strict):
    """Lemma 1 and eq. (6) of paper B on networks so small that all masks are taken."""

    networks: Count = Field(description="Number of random networks of two hidden units.")
    learning_rates: list[Positive] = Field(
        description="Learning rates of the errors after a step and an epoch.", min_length=3
    )
    flow_time: Positive = Field(description="Learning rate times number of steps of the error after a fixed time.")
    steps: list[Annotated[int, Field(ge=1, le=5)]] = Field(
        description="Numbers of steps that take it; each step more has 16 times as many ends.",
        min_length=3,
    )
    seed: int = Field(0, description="Seed of the networks.")


class TheorySettings(Strict):
    """The tables of a paper's theory, each from random or explicit small networks; null leaves one out."""

    closed_forms: ClosedFormsSettings | None = Field(None, description="Closed forms against enumeration.")
    interpolants: InterpolantsSettings | None = Field(None, description="Three functions through the same points.")
    neuron_pairs: NeuronPairsSettings | None = Field(None, description="Two neurons on two points, or on one.")
    perturbations: PerturbationsSettings | None = Field(None, description="What lowers R_1 while the loss stays zero.")
    modified_flow: ModifiedFlowSettings | None = Field(None, description="Mean iterates of dropout against flows.")
    flatness_flow: FlatnessFlowSettings | None = Field(None, description="The Hessian's trace along the gradient flow.")

    @property
    def tables(self) -> list[str]:
        """Names of the tables that are made."""
        return [name for name in type(self).model_fields if getattr(self, name) is not None]
