from dropscape.curvature.hessian import block_hessian, hessian_products
from dropscape.curvature.spectrum import spectrum
from dropscape.dropout.convert import with_masked_dropout
from dropscape.flatness.interval import interval_flatness
from dropscape.flatness.slices import loss_slice
from dropscape.noise.alignment import alignment
from dropscape.noise.pca import covariance_spectrum
from dropscape.sampling.gradients import dropout_gradients

__all__ = [
    "alignment",
    "block_hessian",
    "covariance_spectrum",
    "dropout_gradients",
    "hessian_products",
    "interval_flatness",
    "loss_slice",
    "spectrum",
    "with_masked_dropout",
]
__version__: str
