"""Orders cosine similarities of neurons so that groups show (paper B, Definition 3 and Fig. 7(a, b))."""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.cluster.hierarchy import leaves_list, linkage
from scipy.spatial.distance import squareform

from dropscape.condensation.features import unit_rows


def ordered_similarity(vectors: ArrayLike) -> NDArray[np.float64]:
    """Compute cosines (n, n) of the n rows of input weights (m, d) that are not zero, neighbours alike.

    The order is that of the leaves of average-linkage clustering by 1 - cosine, turned so that the distances between
    neighbours add up to as little as the tree allows (scipy's optimal ordering).
    """
    directions, _ = unit_rows(vectors)
    cosines = np.clip(directions @ directions.T, -1.0, 1.0)
    if len(cosines) < 3:
        return cosines
    distances = squareform(1 - cosines, checks=False)
    order = leaves_list(linkage(distances, method="average", optimal_ordering=True))
    return cosines[np.ix_(order, order)]
