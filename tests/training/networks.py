"""Small networks that several tests train."""

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
