import pytest
import torch

from dropscape.equations.inputs import load_inputs, pooled
from dropscape.errors import ConfigurationError
from tests.equations.experiment import SETTINGS, Experiment, dataset


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
    inputs = load_inputs(Experiment(tmp_path).job(SETTINGS | {"loss": loss}))
    assert inputs.scale == pytest.approx(scale)
    assert inputs.train.inputs.shape == (9, 17) and inputs.test.inputs.shape == (5, 17)
    assert (inputs.train.inputs[:, -1] == 1).all()
    torch.testing.assert_close(inputs.train.inputs[2, 0], data.train_images[2, :2, :2].float().mean() / 255)
    assert torch.equal(inputs.train.targets.argmax(dim=1), data.train_labels[:9])
    assert torch.equal(inputs.test.targets.sum(dim=1), torch.ones(5))
    assert [tuple(layer.shape) for layer in inputs.start([1, 2], 3)] == [(6, 4, 17), (6, 3, 4)]
