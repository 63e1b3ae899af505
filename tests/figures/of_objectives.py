"""Runs and experiments of trainings on different objectives, as a figure is given them."""


def run(objective="dropout", keep_prob=0.8, learning_rate=0.01, **more):
    """A run's settings."""
    settings = {"objective": objective, "keep_prob": keep_prob, "learning_rate": learning_rate}
    settings |= {"gradient_penalty_weight": None, "start": None, "initial_scale": None, "train_examples": 1000}
    settings |= {"optimizer": "gd"}
    return settings | more


def experiment(runs, name="mnist", **more):
    """An experiment's part of a figure's settings."""
    settings = {"name": name, "model": "fnn", "network": "fully-connected network 784-50-10", "title": "MNIST"}
    settings |= {"train_examples": 1000, "samples": None, "seeds": [0, 1], "runs": runs, "threshold": 0.95}
    settings |= {"mask_mode": "per_example"}
    return settings | more
