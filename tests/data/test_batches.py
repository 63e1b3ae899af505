import os
import pickle
import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dropscape.data.batches import read_batch
from dropscape.errors import DataError

PATH = Path("some/data_batch_1")


def small_batch(rows: int = 3) -> tuple[np.ndarray, list[int]]:
    generator = np.random.default_rng(0)
    return generator.integers(0, 256, (rows, 3072), dtype=np.uint8), [int(k) for k in generator.integers(0, 10, rows)]


def python2_pickle(data: np.ndarray, labels: list[int]) -> bytes:
    """What Python 2 and numpy 1 wrote, protocol 2, opcode by opcode: strings are bytes without an encoding."""

    def text(value: bytes) -> bytes:
        return b"U" + bytes([len(value)]) + value

    def number(value: int) -> bytes:
        return b"J" + struct.pack("<i", value)

    array = b"cnumpy.core.multiarray\n_reconstruct\n" + b"cnumpy\nndarray\n" + b"K\x00\x85" + text(b"b") + b"\x87R"
    dtype = b"cnumpy\ndtype\n" + text(b"u1") + b"K\x00K\x01\x87R"
    dtype += b"(K\x03" + text(b"|") + b"NNN" + number(-1) + number(-1) + b"K\x00tb"
    pixels = b"T" + struct.pack("<i", data.size) + data.tobytes()
    state = b"(K\x01" + number(data.shape[0]) + number(data.shape[1]) + b"\x86" + dtype + b"\x89" + pixels + b"tb"
    rows = b"](" + b"".join(b"K" + bytes([label]) for label in labels) + b"e"
    return b"\x80\x02}(" + text(b"labels") + rows + text(b"data") + array + state + b"u."


def test_the_official_form_is_read_pixel_by_pixel():
    data, labels = small_batch()
    content = python2_pickle(data, labels)
    # The oracle: Python's unpickler reads the same bytes to the same array.
    oracle = pickle.loads(content, encoding="latin1")
    np.testing.assert_array_equal(oracle["data"], data)
    images, found = read_batch(content, "labels", PATH)
    assert images.dtype == np.uint8 and found.dtype == np.int64
    # Red, green and blue planes one after the other, row by row.
    expected = [[[[data[n, c * 1024 + y * 32 + x] for x in range(32)] for y in range(32)] for c in range(3)]
                for n in range(3)]  # fmt: skip
    np.testing.assert_array_equal(images, expected)
    assert found.tolist() == labels


@pytest.mark.parametrize("protocol", [3, 4])
@pytest.mark.parametrize("order", ["C", "F"])
def test_a_copy_written_by_python_3_is_read(protocol, order):
    data, labels = small_batch()
    batch = {"batch_label": "a copy", "fine_labels": labels, "data": np.asarray(data, order=order)}
    images, found = read_batch(pickle.dumps(batch, protocol), "fine_labels", PATH)
    np.testing.assert_array_equal(images.reshape(3, -1), data)
    assert found.tolist() == labels


class Malicious:
    """Calls what it is given when it is unpickled."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


class TestMalicious:
    @pytest.mark.parametrize("protocol", [0, 2, 4, 5])
    @pytest.mark.parametrize("function", [os.mkdir, eval, np.frombuffer, pickle.loads])
    def test_nothing_is_called(self, function, protocol, tmp_path):
        proof = tmp_path / "called"
        argument = {os.mkdir: str(proof), eval: f"__import__('os').mkdir({str(proof)!r})"}.get(function, b"abc")
        content = pickle.dumps({"data": Malicious(function, argument), "labels": []}, protocol)
        with pytest.raises(DataError, match=r"'some/data_batch_1' is not a CIFAR file.*Nothing in it was"):
            read_batch(content, "labels", PATH)
        assert not proof.exists()

    @pytest.mark.parametrize("name", ["ndarray.tofile", "load", "dtype.__class__", "multiarray"])
    def test_names_beside_the_admitted_ones_are_refused(self, name):
        content = b"\x80\x04\x8c\x05numpy\x8c" + bytes([len(name)]) + name.encode() + b"\x93."
        with pytest.raises(DataError, match=rf"refers to 'numpy\.{name}'"):
            read_batch(content, "labels", PATH)

    def test_an_array_of_objects_is_never_made(self):
        batch = {"data": np.array([[object, None]], dtype=object), "labels": [0]}
        with pytest.raises(DataError, match=r"refers to 'builtins.object'"):
            read_batch(pickle.dumps(batch, 4), "labels", PATH)
        batch["data"] = np.array([["a", None]], dtype=object)
        with pytest.raises(DataError, match=r"not a two-dimensional array of unsigned bytes"):
            read_batch(pickle.dumps(batch, 4), "labels", PATH)

    def test_a_shape_that_its_bytes_do_not_fill(self):
        content = python2_pickle(*small_batch()).replace(b"J" + struct.pack("<i", 3), b"J" + struct.pack("<i", 2**30))
        with pytest.raises(DataError, match=r"`data` is 1,073,741,824 x 3,072 in 9,216 bytes"):
            read_batch(content, "labels", PATH)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"data": np.zeros((3, 3072))}, "not a two-dimensional array of unsigned bytes"),
        ({"data": np.zeros(3072, np.uint8)}, "not a two-dimensional array of unsigned bytes"),
        ({"data": b"abc"}, "not a two-dimensional array of unsigned bytes"),
        ({"data": np.zeros((3, 784), np.uint8)}, "`data` is 3 x 784 in 2,352 bytes, not n x 3,072 bytes"),
        ({"labels": [1, 2]}, "3 images but 2 labels"),
        ({"labels": [1, 2, "x"]}, "labels are not a list of numbers from 0 up"),
        ({"labels": [1, 2, -1]}, "labels are not a list of numbers from 0 up"),
        ({"labels": [1, 2, 10**30]}, "labels are not a list of numbers from 0 up"),
        ({"labels": None}, "labels are not a list of numbers from 0 up"),
    ],
)
def test_what_does_not_fit_is_named(changes, words):
    data, labels = small_batch()
    with pytest.raises(DataError, match=words) as raised:
        read_batch(pickle.dumps({"data": data, "labels": labels} | changes, 4), "labels", PATH)
    assert "some/data_batch_1" in str(raised.value) and "replace it by a fresh copy" in str(raised.value)


def test_another_dataset_in_its_place():
    data, labels = small_batch()
    with pytest.raises(DataError, match=r"it has no `data` and `fine_labels`"):
        read_batch(pickle.dumps({"data": data, "labels": labels}), "fine_labels", PATH)
    with pytest.raises(DataError, match=r"it has no `data` and `labels`"):
        read_batch(pickle.dumps([1, 2]), "labels", PATH)


CONTENT = python2_pickle(*small_batch(1))


@settings(max_examples=60, deadline=None)
@given(st.integers(0, len(CONTENT) - 1))
def test_every_cut_is_noticed(end):
    with pytest.raises(DataError, match=r"'some/data_batch_1' is damaged"):
        read_batch(CONTENT[:end], "labels", PATH)


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 200), st.integers(1, 255))
def test_a_changed_byte_ends_in_a_batch_or_in_one_clear_error(position, change):
    """Beside the pixels a file has no checksum, so it may read as another batch, but as nothing else."""
    content = bytearray(CONTENT)
    content[position] ^= change
    try:
        images, labels = read_batch(bytes(content), "labels", PATH)
    except DataError as error:
        assert "some/data_batch_1" in str(error)
    else:
        assert images.shape == (len(labels), 3, 32, 32) and images.dtype == np.uint8
