"""Graphs of the pretended GPU: a training in replays is the training, and a capture refuses what CUDA refuses."""

import pytest
import torch
from torch import nn

STEPS = 6


def network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(5, 7), nn.BatchNorm1d(7), nn.Tanh(), nn.Linear(7, 3))


def batches():
    generator = torch.Generator().manual_seed(1)
    inputs = torch.randn(STEPS, 8, 5, generator=generator)
    return list(zip(inputs, torch.randint(3, (STEPS, 8), generator=generator), strict=True))


def step(model, optimizer, inputs, classes):
    optimizer.zero_grad()
    loss = nn.functional.cross_entropy(model(inputs), classes)
    loss.backward()
    optimizer.step()
    return loss.detach()


def descent(model):
    return torch.optim.SGD(model.parameters(), lr=0.3, momentum=0.9)


def adam(model):
    return torch.optim.Adam(model.parameters(), lr=0.03, capturable=True)


@pytest.mark.parametrize("make_optimizer", [descent, adam])
def test_replays_train_as_steps_do(counts, make_optimizer):
    """On other data in each replay; warmed up by steps on a side stream, which count."""
    expected, model = network().to("cuda"), network().to("cuda")
    one, other = make_optimizer(expected), make_optimizer(model)
    data = [(inputs.to("cuda"), classes.to("cuda")) for inputs, classes in batches()]
    losses = [step(expected, one, *batch).item() for batch in data]

    inputs, classes = (value.clone() for value in data[0])
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        found = [step(model, other, inputs, classes).item()]
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        loss = step(model, other, inputs, classes)
    assert loss.isnan()  # nothing ran yet
    for batch in data[1:]:
        for target, value in zip((inputs, classes), batch, strict=True):
            target.copy_(value)
        counts.reset()
        graph.replay()
        assert counts.of("replays") == 1 and counts.of("calls") == counts.of("waits") == 0
        found.append(loss.item())
    assert found == pytest.approx(losses, rel=1e-6)
    for a, b in zip(model.state_dict().values(), expected.state_dict().values(), strict=True):
        assert torch.allclose(a.cpu().double(), b.cpu().double(), rtol=1e-6, atol=1e-7)


def captured(body):
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        body()
    return graph


def test_a_capture_changes_nothing_that_was_there(counts):
    value = torch.zeros(2, 3, device="cuda")
    row = value[1]
    graph = captured(lambda: row.add_(1).mul_(2))
    assert value.tolist() == [[0, 0, 0], [0, 0, 0]]
    for expected in (2, 6):
        counts.reset()
        graph.replay()
        assert counts.of("replays") == 1 and counts.of("replayed") == 2 and counts.of("calls") == 0
        assert value.tolist() == [[0, 0, 0], [expected] * 3]


def test_a_replay_counts_what_it_does(counts):
    value, index = torch.zeros(3, device="cuda"), torch.tensor([2, 0], device="cuda")
    graph = captured(lambda: value.index_add_(0, index, torch.ones(2, device="cuda")))
    counts.reset()
    graph.replay()
    assert counts.of("scatters") == 1 and counts.of("replayed") == 2 and counts.of("calls") == 0
    assert "index_add_ at test_graphs.py" in counts.described("replayed")


def test_numbers_of_the_program_are_those_of_the_capture(counts):
    """As on CUDA: a learning rate that is a number never changes, one in a tensor does."""
    value, rate, fixed = torch.zeros(1, device="cuda"), torch.ones(1, device="cuda"), 1.0
    graph = captured(lambda: value.add_(rate * fixed))
    fixed = 5.0
    rate.fill_(2)
    graph.replay()
    assert value.item() == 2


def test_memory_that_a_graph_does_not_write_holds_garbage(counts):
    read = []
    graph = captured(lambda: read.append(torch.empty(2, device="cuda") * 1))
    graph.replay()
    assert read[0].isnan().all()


REFUSED = {
    "item": lambda x: x.sum().item(),
    "branch": lambda x: bool((x > 0).all()),
    "nonzero": lambda x: x.nonzero(),
    "mask": lambda x: x[x > 0],
    "copy to the processor": lambda x: x.cpu(),
    "copy that does not wait": lambda x: x.to("cpu", non_blocking=True),
    "copy from the processor": lambda x: x.copy_(torch.ones(3)),
    "new numbers": lambda x: torch.tensor([1.0, 2.0], device="cuda"),
    "number of the processor": lambda x: x * torch.tensor(2.0),
    "index of the processor": lambda x: x[torch.tensor([0])],
    "synchronize": lambda x: torch.cuda.synchronize(),
    "replay": lambda x: torch.cuda.CUDAGraph().replay(),
    "capture": lambda x: torch.cuda.CUDAGraph().capture_begin(),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_capture_refuses_what_waits_or_reads_the_processor(counts, name):
    value = torch.ones(3, device="cuda")
    with pytest.raises(RuntimeError, match="not permitted when stream is capturing"):
        captured(lambda: REFUSED[name](value))
    assert not torch.cuda.is_current_stream_capturing() and value.tolist() == [1, 1, 1]


def test_a_graph_draws_anew_from_a_generator_that_it_knows(counts):
    generator, drawn = torch.Generator("cuda").manual_seed(0), []

    def draw():
        drawn.append(torch.rand(3, generator=generator, device="cuda"))

    with pytest.raises(RuntimeError, match="not in capture mode"):
        captured(draw)
    graph = torch.cuda.CUDAGraph()
    graph.register_generator_state(generator)
    with torch.cuda.graph(graph):
        draw()
    values = []
    for _ in range(2):
        graph.replay()
        values.append(drawn[-1].tolist())
    assert values[0] != values[1]


def test_an_optimizer_that_counts_on_the_processor_is_refused(counts):
    model = network().to("cuda")
    optimizer = torch.optim.Adam(model.parameters())
    inputs, classes = (value.to("cuda") for value in batches()[0])
    step(model, optimizer, inputs, classes)
    with pytest.raises(RuntimeError, match="capturable"):
        captured(lambda: step(model, optimizer, inputs, classes))


def test_the_order_of_calls_is_checked(counts):
    with pytest.raises(RuntimeError, match="non-default stream"):
        torch.cuda.CUDAGraph().capture_begin()
    with pytest.raises(RuntimeError, match="without a preceding successful capture"):
        torch.cuda.CUDAGraph().replay()
    graph = torch.cuda.CUDAGraph()
    with pytest.raises(RuntimeError, match="without a capture"):
        graph.capture_end()
