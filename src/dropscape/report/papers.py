"""The four papers: a study is one of them."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Paper:
    """A paper as the report names it."""

    letter: str
    title: str


PAPERS = {
    "noise_structure": Paper("A", "Dropout in training neural networks: flatness of solution and noise structure"),
    "implicit_regularization": Paper("B", "Implicit regularization of dropout"),
    "modified_equations": Paper("C", "Stochastic modified equations and dynamics of dropout algorithm"),
    "subnetworks": Paper("D", "On convergence and generalization of dropout training"),
}


def category(study: str) -> str:
    """The report's category of a study's results, such as ``Paper A, noise structure``.

    It has no colon: Snakemake writes it into reStructuredText as the name of a link target, which a colon ends.
    """
    return f"Paper {PAPERS[study].letter}, {study.replace('_', ' ')}"
