"""Tables as the measuring stages write them, for runs with a known power law and points that are undefined."""

import numpy as np
import pandas as pd
import pytest

from tests.figures.made import Made

RUNS = {
    "keep0.5-lr0.1": (0.5, 0.1, 1, "per_example"),
    "keep0.8-lr0.1": (0.8, 0.1, 1, "per_example"),
    "keep0.8-lr0.1-second": (0.8, 0.1, 2, "per_example"),
    "keep0.8-lr0.1-shared": (0.8, 0.1, 1, "shared"),
    "keep0.8-lr0.2": (0.8, 0.2, 1, "per_example"),
    "keep0.9-lr0.1": (0.9, 0.1, 1, "per_example"),
}
PLAIN_RUNS = {"lr0.1": (1.0, 0.1, 1, "per_example"), "lr0.2": (1.0, 0.2, 1, "per_example")}
FIELDS = ("keep_prob", "learning_rate", "dropout_after", "mask_mode")
FLATNESS_SLOPE, PROJECTION_SLOPE = -2.0, 1.0


def experiment(runs, seeds):
    """The experiment of a figure, whose runs differ in their dropout."""
    return {
        "name": "mnist_fnn",
        "model": "fnn",
        "network": "fully-connected network 784-50-50-10",
        "title": "MNIST",
        "runs": {name: dict(zip(FIELDS, values, strict=True)) for name, values in runs.items()},
        "dropout": {"dropout_after": 1, "mask_mode": "per_example"},
        "train_examples": 4000,
        "samples": 800,
        "seeds": list(seeds),
        "factor": 2.0,
        "label_smoothing": 0.0,
    }


class Tables:
    """The stages' tables of one figure, a frame for each run."""

    def __init__(self, runs, seeds=(0, 1), total=399, directions=40):
        self.runs, self.seeds, self.total = runs, seeds, total
        self.indices = np.unique(np.geomspace(1, total, directions).round().astype(int))

    def _of_runs(self, build):
        return [
            pd.concat([build(values, seed, np.random.default_rng([number, seed])) for seed in self.seeds])
            for number, values in enumerate(self.runs.values())
        ]

    def spectrum(self):
        def build(values, seed, rng):
            rank = np.arange(1, self.total + 1)
            variance = self.variance(values, rank)
            half = np.where(rank <= self.total // 2, variance * rng.lognormal(0, 0.1, self.total), np.nan)
            frame = pd.DataFrame({"seed": seed, "index": rank, "variance": variance, "numerically_zero": False})
            frame = frame.assign(held_out_in_sample=half, held_out=half * (1 + rank / 100))
            frame.loc[frame["index"] == self.total, "numerically_zero"] = True
            return pd.concat([frame.assign(sample=sample) for sample in ("trajectory", "gradients")])

        return self._of_runs(build)

    def interval(self):
        def build(values, seed, rng):
            variance = self.variance(values, self.indices)
            frames = []
            for sample in ("trajectory", "gradients"):
                for factor in (2.0, 1.5):
                    width = (variance / 1e-6) ** (1 / FLATNESS_SLOPE) * rng.lognormal(0, 0.05, len(variance))
                    reason = np.full(len(width), "", dtype=object)
                    width[-3], reason[-3] = np.nan, "no crossing on the left within max_width"
                    frames.append(
                        pd.DataFrame({"sample": sample, "seed": seed, "index": self.indices, "factor": factor})
                        .assign(left=-width / 2, right=width / 2, width=width, reason=reason)
                        .assign(divergence_width=width / 2, divergence_reason=reason)
                    )  # fmt: skip
            return pd.concat(frames)

        return self._of_runs(build)

    @staticmethod
    def variance(values, rank):
        keep_prob, rate = values[:2]
        return 1e-5 * (1 - keep_prob) / keep_prob * rate * rank**-1.6

    def projection(self, dimension=400):
        def build(values, seed, rng):
            rank = np.arange(1, dimension + 1)
            eigenvalue = 3 * np.exp(-((rank / 30) ** 0.7))
            eigenvalue[-40:] = -np.geomspace(1e-9, 1e-4, 40)
            strength = (1 - values[0]) / values[0]
            variance = 1e-4 * strength * np.abs(eigenvalue) ** PROJECTION_SLOPE * rng.lognormal(0, 0.4, dimension)
            variance[100] = 0.0
            frame = pd.DataFrame({"seed": seed, "index": rank, "eigenvalue": eigenvalue, "variance": variance})
            return pd.concat([frame.assign(sample=sample) for sample in ("trajectory", "gradients")])

        return self._of_runs(build)

    def alignment(self, keep_probs=None):
        steps = np.unique([0, *np.geomspace(1, 4000, 10).round(), *np.linspace(0, 4000, 8).round()]).astype(int)

        def build(values, seed, rng):
            frames = []
            for keep_prob in keep_probs or [values[0]]:
                strength = (1 - keep_prob) / keep_prob
                trace = strength * 1e-3 * np.exp(-steps * values[1] / 300) * rng.lognormal(0, 0.2, len(steps)) + 1e-6
                cosine = (0.95 - 0.1 * strength) * (1 - np.exp(-(steps + 3) * values[1] / 5))
                ratio = 10 + 80 * (1 - np.exp(-steps / 500))
                frame = pd.DataFrame({"seed": seed, "step": steps, "keep_prob": keep_prob, "loss": 0.1})
                frame = frame.assign(trace_h_sigma=trace, trace_h_isotropic=trace / ratio, sample_count=300)
                frame = frame.assign(
                    cosine=cosine * rng.uniform(0.97, 1, len(steps)), cosine_unbiased=cosine * 1.02, undefined=""
                )
                spectra = {"eigenvectors": 40, "rank": 0.9, "r_squared": 0.8}
                frame.loc[[0, 5], list(spectra)] = list(spectra.values())  # of two steps
                if seed == 0:
                    columns = ["trace_h_isotropic", "cosine", "cosine_unbiased"]
                    frame.loc[0, columns] = -1e-9, np.nan, np.nan
                    frame.loc[0, "undefined"] = "All samples are equal: no cosine."
                frames.append(frame)
            return pd.concat(frames)

        return self._of_runs(build)

    def baseline(self):
        def build(values, seed, rng):
            if seed != self.seeds[0]:
                return None
            kinds = [
                pd.DataFrame({"eigenvectors": kind, "pair": np.arange(1, 21), "expected": 5e-3})
                .assign(cosine=5e-3 * (1 + rng.uniform(-shift, shift, 20)))
                for kind, shift in (("normalised", 0.2), ("orthonormal", 0.9))
            ]  # fmt: skip
            return pd.concat(kinds)

        return self._of_runs(build)


def inputs_of(kind, tables):
    return {
        "variance_flatness": lambda: {"spectrum": tables.spectrum(), "interval": tables.interval()},
        "projected_variance": lambda: {"projection": tables.projection()},
        "alignment_trace": lambda: {"alignment": tables.alignment(keep_probs=[0.9, 0.8, 0.5])},
        "alignment_cosine": lambda: {"alignment": tables.alignment(), "baseline": tables.baseline()},
    }[kind]()


OPTIONS = {
    "variance_flatness": {"sample": "gradients"},
    "projected_variance": {"sample": "gradients"},
    "alignment_trace": {},
    "alignment_cosine": {"level": 0.85},
}
KINDS = tuple(OPTIONS)


def make_figure(kind, folder, runs=None, **changes):
    """A figure of the kind from the tables above; ``changes`` are of what it is told of its experiment."""
    runs = runs or (PLAIN_RUNS if kind == "alignment_trace" else RUNS)
    tables = Tables(runs)
    inputs = inputs_of(kind, tables)
    label = "4,000 + 1,000 real digits"
    return Made(folder, kind, [experiment(runs, tables.seeds) | changes], inputs, label, **OPTIONS[kind])


@pytest.fixture(scope="session")
def make(tmp_path_factory):
    """``make(kind, ...)`` is ``make_figure`` in a fresh folder, made once for the same arguments."""
    made = {}

    def once(kind, **arguments):
        key = repr((kind, sorted(arguments.items())))
        if key not in made:
            made[key] = make_figure(kind, tmp_path_factory.mktemp(kind), **arguments)
        return made[key]

    return once
