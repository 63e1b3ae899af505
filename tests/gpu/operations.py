"""What is known of torch's operations on CUDA: which wait, which are slow, which run another implementation there."""

import torch

aten = torch.ops.aten

# Copies between devices, or within one.
MOVES = {aten._to_copy.default, aten.copy_.default, aten.copy.default}

# They read a number, or as many as there are of something, on the processor.
WAITING = {
    "_local_scalar_dense",
    "_unique2",
    "bincount",
    "equal",
    "is_nonzero",
    "linalg_cholesky",
    "_linalg_eigh",
    "linalg_eigh",
    "_linalg_solve_ex",
    "_linalg_svd",
    "masked_select",
    "nonzero",
    "nonzero_numpy",
    "repeat_interleave",
    "unique_consecutive",
    "unique_dim",
}

# With deterministic algorithms they sort, launch a dozen kernels or wait.
SCATTERING = {
    "index_add",
    "index_add_",
    "index_copy",
    "index_copy_",
    "index_put",
    "index_put_",
    "_index_put_impl_",
    "masked_select",
    "nonzero",
    "put_",
    "scatter",
    "scatter_",
    "scatter_add",
    "scatter_add_",
    "scatter_reduce",
    "scatter_reduce_",
}

# torch.use_deterministic_algorithms refuses or warns of them, on CUDA alone. Max pooling's backward pass is left out:
# it adds in any order only where windows overlap.
UNREPEATABLE = {
    "_adaptive_avg_pool2d_backward",
    "adaptive_max_pool2d_backward",
    "cumsum",
    "cumsum_",
    "grid_sampler_2d_backward",
    "histc",
    "index_reduce_",
    "kthvalue",
    "median",
    "nll_loss2d_forward",
    "put_",
    "reflection_pad1d_backward",
    "reflection_pad2d_backward",
    "replication_pad2d_backward",
    "scatter_reduce",
    "upsample_bilinear2d_backward",
}

INDEXING = {"index", "index_put", "index_put_", "_index_put_impl_"}
PRODUCTS = {"addbmm", "addmm", "addmm_", "baddbmm", "baddbmm_", "bmm", "mm", "mv", "addmv", "addmv_"}
CONVOLUTIONS = {"convolution", "convolution_backward"}
EMPTY = {"empty", "empty_like", "empty_strided", "new_empty", "new_empty_strided"}
# They change a tensor's shape in place.
RESHAPING = {"as_strided_", "squeeze_", "swapaxes_", "swapdims_", "t_", "transpose_", "unsqueeze_"}
# They launch nothing and are no views in torch's own list.
FREE = {"_unsafe_view", "_reshape_alias", "alias", "detach", "lift_fresh", "resize_", "set_", "t", "view"}
# Random numbers, of which a graph has to know.
DRAWING = {
    "bernoulli",
    "bernoulli_",
    "exponential_",
    "multinomial",
    "native_dropout",
    "normal",
    "normal_",
    "rand",
    "rand_like",
    "randint",
    "randn",
    "randn_like",
    "random_",
    "randperm",
    "uniform_",
}


def _batch_norm(x, weight, bias, mean, variance, training, factor, epsilon):
    out, *saved = aten.native_batch_norm(x, weight, bias, mean, variance, training, factor, epsilon)
    return out, *(value.clone() for value in saved), torch.empty(0, dtype=torch.uint8)


def _batch_norm_backward(x, grad, weight, mean, variance, saved_mean, saved_variance, epsilon, _reserve):
    both = grad.contiguous(), x, weight, mean, variance, saved_mean, saved_variance
    return aten.native_batch_norm_backward(*both, True, epsilon, [True, True, True])


# What a CUDA build runs instead of an operation of processors, by what stands for it here.
STAND_INS = {
    aten.cudnn_batch_norm.default: _batch_norm,
    aten.cudnn_batch_norm_backward.default: _batch_norm_backward,
}


def named(call) -> str:
    """The operation's name, without its overload."""
    return call._schema.name.removeprefix("aten::")


def is_unrepeatable(name: str, arguments: tuple, options: dict) -> bool:
    """Whether torch calls it nondeterministic on CUDA."""
    if name == "bincount":  # of weights, not of ones
        return options.get("weights", arguments[1] if len(arguments) > 1 else None) is not None
    return name in UNREPEATABLE


def launches(call) -> bool:
    """Whether a call of it starts work on a GPU."""
    return not (call.is_view or named(call) in FREE | EMPTY | RESHAPING)
