import pytest
import torch

from dropscape.data.prepared import write_prepared
from dropscape.equations.prepared import pooled, prepared
from dropscape.errors import ConfigurationError
from tests.equations.experiment import SETTINGS, dataset


def test_an_image_is_averaged_over_squares():
    images = torch.arange(2 * 36, dtype=torch.float32).view(2, 36)
    small = pooled(images, 3).view(2, 3, 3)
    for image, whole in zip(small, images.view(2, 6, 6), strict=True):
        for row in range(3):
            for column in range(3):
                assert image[row, column] == whole[2 * row : 2 * row + 2, 2 * column : 2 * column + 2].mean()
    assert torch.equal(pooled(images, 6), images)


@pytest.mark.parametrize(("shape", "side"), [((2, 36), 4), ((2, 35), 5), ((2, 3, 6, 6), 3)])
def test_images_that_have_no_such_squares_are_refused(shape, side):
    with pytest.raises(ConfigurationError, match=rf"data.side .* is {side}, .* write a divisor"):
        pooled(torch.zeros(shape), side)


@pytest.mark.parametrize(("loss", "scale"), [("mse", 1), ("torch_mse", 2 / 3)])
def test_inputs_end_with_a_one_and_targets_are_classes(tmp_path, loss, scale):
    data = dataset()
    write_prepared(tmp_path / "mnist.safetensors", tmp_path / "mnist.json", data)
    given = prepared(SETTINGS | {"loss": loss}, str(tmp_path / "mnist.safetensors"), "cpu")
    assert given.scale == pytest.approx(scale) and given.description["label"] == "a test"
    assert given.train.inputs.shape == (9, 17) and given.test.inputs.shape == (5, 17)
    assert (given.train.inputs[:, -1] == 1).all()
    torch.testing.assert_close(given.train.inputs[2, 0], data.train_images[2, :2, :2].float().mean() / 255)
    assert torch.equal(given.train.targets.argmax(dim=1), data.train_labels[:9])
    assert torch.equal(given.test.targets.sum(dim=1), torch.ones(5))
    assert [tuple(layer.shape) for layer in given.start([1, 2], 3)] == [(6, 4, 17), (6, 3, 4)]
