"""Tables of the subnetworks stage with known rates, for figures and claims."""

import itertools

import numpy as np
import pandas as pd

SEEDS = (0, 1, 2)


def experiment(name="margin", **more):
    """An experiment's part of a figure's settings."""
    settings = {"name": name, "model": "two-layer ReLU", "title": None, "train_examples": 1000, "samples": None}
    return settings | {"seeds": [0, 1, 2]} | more


def accuracies(widths=(100, 1000), shares=(0.5, 0.8), runs=SEEDS, steps=(0, 10, 20, 50, 100), masks=0):
    """The full network rises to 0.98; a sub-network is behind by a tenth of its dropped share times 100 / width."""
    rows = []
    for width, share, run, step in itertools.product(widths, shares, runs, steps):
        keys = {"width": width, "dropped_share": 1 - (1 - share), "run": run, "step": step}
        full = 0.98 - 0.88 * np.exp(-step / 10) + 0.001 * run
        behind = 0.1 * share * 100 / width
        rows.append(keys | {"network": "full", "mask": -1, "accuracy": full})
        rows.append(keys | {"network": "visited", "mask": -1, "accuracy": full - behind})
        for mask in range(masks):
            rows.append(keys | {"network": "random", "mask": mask, "accuracy": full - behind * (1 + mask / 10)})
    return pd.DataFrame(rows)


def errors(widths=(100, 400), keep_probs=(0.5, 0.9), seeds=SEEDS, rate=-1.0, last=10_000):
    """Running means that fall like T to the power ``rate``, those of sub-networks a tenth slower."""
    steps = np.unique(np.geomspace(1, last, 30).round())
    frames = []
    for width, keep_prob, seed in itertools.product(widths, keep_probs, seeds):
        size = 0.5 * (1 + 0.1 * seed)
        frame = pd.DataFrame({"width": width, "keep_prob": keep_prob, "seed": seed, "step": steps.astype(int)})
        frames.append(
            frame.assign(
                error_full=0.1, error_visited=0.1, mean_error_full=size * steps**rate,
                mean_error_visited=size * steps ** (rate + 0.1), active_width=round(keep_prob * width) + 2 * seed,
                most_active=round(keep_prob * width) + 2 * seed, mean_loss=0.1, loss_bound=0.4 - 0.05 * seed,
            )
        )  # fmt: skip
    return pd.concat(frames, ignore_index=True)


def with_margins(name, tables):
    """The tables of that name, and the margins of their trainings: bounds a thousand times what is measured or more."""
    return {name: tables, "margins": [_margins(table) for table in tables]}


def _margins(table):
    trainings = table[["width", "keep_prob", "seed"]].drop_duplicates()
    bounds = {"error_bound": 1e3, "compression_bound": 3e3, "informative_steps": 1e9, "distance_bound": 1e4}
    return trainings.assign(**bounds)


def distances(widths=(100, 400, 1600), keep_probs=(0.5, 0.9), seeds=SEEDS, rate=-0.5, projected=0):
    """Distances that fall like the width to the power ``rate``; at the first recorded step they are smaller."""
    rows = [
        {
            "width": width, "keep_prob": keep_prob, "seed": seed, "step": step,
            "largest": (3 + seed / 10) * width**rate * step / 100, "mean": keep_prob * width**rate * step / 100,
            "largest_norm": 5.0, "flipped": min(width**rate, 1.0), "projected": projected * step // 100, "bound": 20.0,
        }
        for width, keep_prob, seed, step in itertools.product(widths, keep_probs, seeds, (10, 100))
    ]  # fmt: skip
    return pd.DataFrame(rows)
