"""The pretended GPU itself: it computes what a processor does, and refuses and counts what CUDA does."""

import copy

import numpy as np
import pytest
import torch
from torch import nn

from tests.gpu.pretended import pretended
from tests.gpu.tensors import OnGpu


def network():
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(2, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(16, 3)
    )


def trained(device, make_optimizer, steps=4):
    model = network().to(device)
    generator = torch.Generator().manual_seed(1)
    inputs = torch.randn(10, 2, 6, 6, generator=generator).to(device)
    classes = torch.randint(3, (10,), generator=generator).to(device)
    optimizer = make_optimizer(model.parameters())
    for _ in range(steps):
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(inputs), classes).backward()
        optimizer.step()
    return [value.detach().cpu() for value in model.state_dict().values()]


OPTIMIZERS = {
    "gd": lambda parameters: torch.optim.SGD(parameters, lr=0.1),
    "nesterov": lambda parameters: torch.optim.SGD(parameters, lr=0.1, momentum=0.9, nesterov=True),
    "adam": lambda parameters: torch.optim.Adam(parameters, lr=0.01),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_training_ends_as_on_the_processor(name):
    expected = trained("cpu", OPTIMIZERS[name])
    with pretended() as counts:
        found = trained("cuda", OPTIMIZERS[name])
    assert counts.of("to_device") > 0
    for one, other in zip(found, expected, strict=True):
        assert not isinstance(one, OnGpu)
        assert torch.allclose(one.double(), other.double(), rtol=1e-5, atol=1e-6)


def test_it_is_there_inside_only(counts):
    assert torch.cuda.is_available() and torch.cuda.device_count() == 1
    assert torch.zeros(2, device="cuda").is_cuda and torch.zeros(2, device="cuda").device == torch.device("cuda:0")
    assert torch.cuda.get_device_name() and torch.cuda.mem_get_info()[0] > 2**35
    assert torch.cuda.get_device_properties(0).total_memory > 2**35


def test_outside_nothing_is_left():
    with pretended():
        torch.backends.cudnn.allow_tf32 = True
        torch.use_deterministic_algorithms(True)
    assert not torch.cuda.is_available() and not torch.are_deterministic_algorithms_enabled()
    assert type(torch.zeros(2)) is torch.Tensor and torch.Generator is torch._C.Generator


MIXED = {
    "sum": lambda gpu, cpu: gpu + cpu,
    "product": lambda gpu, cpu: cpu @ gpu,
    "join": lambda gpu, cpu: torch.cat([gpu, cpu]),
    "in place": lambda gpu, cpu: gpu.add_(cpu),
    "out": lambda gpu, cpu: torch.add(gpu, gpu, out=cpu),
    "where": lambda gpu, cpu: torch.where(gpu > 0, gpu, cpu),
    "stack of numbers": lambda gpu, cpu: torch.stack([gpu.sum(), cpu.sum()]),
    "layer": lambda gpu, _: nn.Linear(3, 3)(gpu),
    "index of a processor's tensor": lambda gpu, cpu: cpu[torch.zeros(1, dtype=torch.long, device="cuda")],
}


@pytest.mark.parametrize("name", MIXED)
def test_devices_do_not_mix(counts, name):
    with pytest.raises(RuntimeError, match="same device"):
        MIXED[name](torch.ones(3, 3, device="cuda"), torch.ones(3, 3))


def test_single_numbers_and_indices_of_the_processor_do(counts):
    on_gpu = torch.arange(3.0, device="cuda")
    assert (on_gpu * torch.tensor(2.0)).tolist() == [0, 2, 4]
    counts.reset()
    assert on_gpu[torch.tensor([2, 0])].is_cuda and counts.of("to_device") == 1


def test_a_generator_draws_where_it_is(counts):
    there = torch.Generator("cuda").manual_seed(0)
    assert there.device.type == "cuda" and counts.of("generators") == 1
    assert torch.rand(3, generator=there, device="cuda").is_cuda
    with pytest.raises(RuntimeError, match="'cuda' device type for generator but found 'cpu'"):
        torch.rand(3, generator=torch.Generator(), device="cuda")
    with pytest.raises(RuntimeError, match="'cpu' device type for generator but found 'cuda'"):
        torch.rand(3, generator=there)


def test_numpy_needs_a_copy(counts):
    for convert in (np.asarray, lambda value: value.numpy()):
        with pytest.raises(TypeError, match=r"Tensor\.cpu"):
            convert(torch.ones(3, device="cuda"))
    assert np.asarray(torch.ones(3, device="cuda").cpu()).sum() == 3


WAITS = {
    "item": lambda x: x.sum().item(),
    "float": lambda x: float(x[0, 0]),
    "branch": lambda x: bool(x.any()),
    "list": lambda x: x.tolist(),
    "copy": lambda x: x.cpu(),
    "copy into": lambda x: torch.empty(3, 3).copy_(x),
    "nonzero": lambda x: x.nonzero(),
    "mask": lambda x: x[x > 0],
    "equal": lambda x: torch.equal(x, x),
    "synchronize": lambda x: torch.cuda.synchronize(),
    "stream": lambda x: torch.cuda.current_stream().synchronize(),
    "eigenvalues": lambda x: torch.linalg.eigh(x),
}


@pytest.mark.parametrize("name", WAITS)
def test_waits_are_counted(counts, name):
    value = torch.ones(3, 3, device="cuda")
    counts.reset()
    WAITS[name](value)
    assert counts.of("waits") == 1, counts.described("waits")
    assert next(iter(counts.places("waits"))).partition(" at ")[2].startswith("test_tensors.py:")


def test_other_work_does_not_wait(counts):
    value = torch.ones(3, 3, device="cuda", requires_grad=True)
    (value * 2).square().sum().backward()
    value.detach()[0] = 4
    value.detach()[value.detach() > 2] = 0.0
    torch.where(value > 0, value, 0.0).to(torch.float64).max(dim=0)
    assert counts.of("waits") == counts.of("to_device") == counts.of("to_processor") == 0


def test_a_copy_that_does_not_wait_holds_garbage_until_something_does(counts):
    value = torch.ones(3, device="cuda")
    arrived = value.to("cpu", non_blocking=True)
    assert arrived.isnan().all() and counts.of("waits") == 0
    torch.cuda.synchronize()
    assert arrived.tolist() == [1, 1, 1]


def test_copies_are_counted(counts):
    value = torch.tensor([1.0, 2.0], device="cuda")
    assert counts.of("to_device") == 1
    torch.ones(3).to("cuda").to("cuda", torch.float64)
    value.copy_(torch.zeros(2))
    assert counts.of("to_device") == 3 and value.tolist() == [0, 0] and counts.of("to_processor") == 1


SCATTERS = {
    "scatter": lambda x, i: x.scatter_add_(0, i[:, None], x.clone()),
    "index_put": lambda x, i: x.__setitem__(i, 1.0),
    "index_copy": lambda x, i: x.index_copy_(0, i, x.clone()),
    "backward of gather": lambda x, i: x.clone().requires_grad_().gather(0, i[:, None]).sum().backward(),
    "backward of an index": lambda x, i: x.clone().requires_grad_()[i].sum().backward(),
    "nonzero": lambda x, i: x.nonzero(),
}


@pytest.mark.parametrize("name", SCATTERS)
def test_scatters_are_counted(counts, name):
    value, index = torch.ones(3, 3, device="cuda"), torch.arange(3, device="cuda")
    value.gather(0, index[:, None])
    assert counts.of("scatters") == 0
    SCATTERS[name](value, index)
    assert counts.of("scatters") == 1, counts.described("scatters")


def test_products_in_tf32_are_counted(counts):
    value, images = torch.ones(3, 3, device="cuda"), torch.ones(1, 2, 4, 4, device="cuda")
    kernel = torch.ones(2, 2, 3, 3, device="cuda")

    def products():
        counts.reset()
        value @ value, value.double() @ value.double(), torch.conv2d(images, kernel)
        return counts.of("tf32")

    assert products() == 1  # a fresh torch convolves in TF32
    torch.backends.cudnn.allow_tf32 = False
    assert products() == 0
    torch.backends.cuda.matmul.allow_tf32 = True
    assert products() == 1


def test_calls_are_counted_once_and_views_are_free(counts):
    value = torch.ones(4, 4, device="cuda")
    assert counts.of("calls") == 1
    value[1:].view(4, 3).T.detach().expand(2, 3, 4)
    assert counts.of("calls") == 1
    value.mul_(2).add_(1)
    assert counts.of("calls") == 3 and counts.of("calls", steps=3) == 1


def test_new_memory_that_deterministic_mode_fills_is_counted(counts):
    torch.empty(3, device="cuda")
    assert counts.of("fills") == 0
    torch.use_deterministic_algorithms(True)
    torch.empty(3, device="cuda")
    assert counts.of("fills") == 1


def test_what_torch_calls_nondeterministic_is_counted(counts):
    torch.ones(4, device="cuda").cumsum(0)
    assert counts.of("unrepeatable") == 1


def test_a_change_through_a_view_is_seen(counts):
    value = torch.zeros(2, 3, device="cuda")
    value[1].add_(1)
    value.T[0] = 5
    assert value.tolist() == [[5, 0, 0], [5, 1, 1]]


def test_shapes_change_in_place(counts):
    value = torch.arange(6.0, device="cuda").view(2, 3)
    assert value.t_().shape == (3, 2) and value.unsqueeze_(0).shape == (1, 3, 2) and value.squeeze_().shape == (3, 2)
    assert value.tolist() == [[0, 3], [1, 4], [2, 5]]
    assert (torch.ones(3, device="cuda") @ torch.ones(3, 2, device="cuda")).tolist() == [3, 3]
    with pytest.raises(NotImplementedError, match="shape in place"):
        value.resize_(2, 2)


def test_data_can_be_replaced(counts):
    value = nn.Parameter(torch.zeros(2, 3, device="cuda"))
    value.data = torch.ones(4, device="cuda")
    assert value.tolist() == [1, 1, 1, 1] and value.requires_grad and isinstance(value, nn.Parameter)
    value.data.zero_()
    assert value.sum().item() == 0


def test_modules_are_copied_and_moved(counts):
    model = network().to("cuda")
    twin = copy.deepcopy(model)
    with torch.no_grad():
        twin[0].weight.zero_()
    assert float(model[0].weight.detach().abs().sum()) > 0 and twin[0].weight.is_cuda
    assert twin[0].weight.requires_grad and isinstance(twin[0].weight, nn.Parameter)
    assert twin.double()[0].weight.dtype == torch.float64
    assert not twin.cpu()[0].weight.is_cuda
    weight, images = model.eval()[0].weight, torch.rand(2, 2, 6, 6).to("cuda")
    expected = model(images)
    model.to(memory_format=torch.channels_last)  # while a graph and we hold the parameters
    assert weight is model[0].weight and weight.is_contiguous(memory_format=torch.channels_last)
    assert torch.allclose(model(images).cpu(), expected.cpu())
    assert weight is model.double()[0].weight and weight.dtype == torch.float64


def test_autocast_of_the_gpu_multiplies_in_bfloat16(counts):
    value = torch.ones(3, 3, device="cuda")
    with torch.autocast("cuda", torch.bfloat16):
        assert (value @ value).dtype == torch.bfloat16


def test_second_derivatives_and_forward_mode(counts):
    value = torch.tensor([1.0, 2.0], device="cuda", requires_grad=True)
    (gradient,) = torch.autograd.grad(value.pow(3).sum(), value, create_graph=True)
    (second,) = torch.autograd.grad(gradient.sum(), value)
    assert second.tolist() == [6, 12]
    primal, tangent = torch.func.jvp(torch.sin, (value.detach(),), (torch.ones(2, device="cuda"),))
    assert torch.allclose(tangent.cpu(), torch.tensor([1.0, 2.0]).cos()) and primal.is_cuda
