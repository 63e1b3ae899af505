"""Random directions of the space in which gradients vary: what no noise and no curvature has chosen."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dropscape.numerics.seeds import numpy_generator


def random_directions(samples: ArrayLike, count: int, seed: int) -> NDArray[np.float64]:
    """Draw ``count`` independent uniform directions, (K, P) unit rows, float64.

    They are 0 at every parameter that is the same in all samples (N, P), such as those of dead units: no gradient ever
    leads there, and a direction that reached them would be flat for that reason alone. All zeros if nothing varies.
    """
    values = np.asarray(samples)
    active = (values != values[:1]).any(axis=0)
    drawn = numpy_generator(seed, "noise", "random directions").standard_normal((values.shape[1], count))
    drawn[~active] = 0
    return (drawn / np.maximum(np.linalg.norm(drawn, axis=0), np.finfo(np.float64).tiny)).T
