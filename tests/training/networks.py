"""Small networks that several tests train, and settings that they share."""

RESNET = {"name": "resnet20", "classes": 3, "width": 2, "blocks": 1}
VGG = {"name": "vgg9", "classes": 3, "width": 1 / 32}
SENTENCES = {
    "name": "transformer",
    "source_vocabulary": 9,
    "target_vocabulary": 8,
    "source_length": 4,
    "d_model": 6,
}
TRANSFORMER = SENTENCES | {"d_k": 4, "d_ff": 8, "heads": 2, "layers": 1}

# What the settings of a training say of a plain descent.
DESCENT = {
    "objective": "dropout",
    "gradient_penalty_weight": None,
    "start": None,
    "optimizer": "gd",
    "batch_size": None,
    "momentum": 0.9,
    "milestones": [],
    "decay": 0.1,
    "warmup_steps": None,
    "ghost_batch_size": None,
    "precision": "float32",
}
