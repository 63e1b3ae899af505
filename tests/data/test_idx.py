import gzip
import hashlib
import struct

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as st_numpy

from dropscape.data.contents import read_content
from dropscape.data.idx import parse_idx
from dropscape.errors import DataError

SHARED_FOLDER = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def read_idx(path, dimensions):
    return parse_idx(read_content(path), dimensions)


ARRAYS = st_numpy.arrays(np.uint8, st_numpy.array_shapes(min_dims=1, max_dims=3, min_side=0, max_side=5))


@SHARED_FOLDER
@given(array=ARRAYS, packed=st.booleans())
def test_reads_back_what_was_written(array, packed, encode_idx, tmp_path):
    content = encode_idx(array)
    path = tmp_path / ("some-idx-ubyte.gz" if packed else "some-idx-ubyte")
    path.write_bytes(gzip.compress(content, mtime=0) if packed else content)
    file = read_content(path)
    assert parse_idx(file, array.ndim).dtype == np.uint8
    np.testing.assert_array_equal(parse_idx(file, array.ndim), array)
    assert file.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert file.content_sha256 == hashlib.sha256(content).hexdigest()


@SHARED_FOLDER
@given(array=st_numpy.arrays(np.uint8, (2, 3, 4)), packed=st.booleans(), data=st.data())
def test_every_cut_and_every_added_byte_is_noticed(array, packed, data, encode_idx, tmp_path):
    content = encode_idx(array)
    whole = gzip.compress(content, mtime=0) if packed else content
    path = tmp_path / "images"
    path.write_bytes(whole[: data.draw(st.integers(0, len(whole) - 1))])
    with pytest.raises(DataError, match=r"'.*images' is damaged"):
        read_idx(path, 3)
    path.write_bytes(whole + b"\x01")
    with pytest.raises(DataError, match=r"'.*images' is damaged"):
        read_idx(path, 3)


@SHARED_FOLDER
@given(data=st.data())
def test_a_changed_byte_of_an_archive_never_changes_what_is_read(data, encode_idx, tmp_path):
    """gzip's checksum covers the content; only its header (time, name) may change unnoticed."""
    array = np.arange(60, dtype=np.uint8).reshape(3, 4, 5)
    archive = bytearray(gzip.compress(encode_idx(array), mtime=0))
    position = data.draw(st.integers(0, len(archive) - 1))
    archive[position] ^= data.draw(st.integers(1, 255))
    path = tmp_path / "images.gz"
    path.write_bytes(archive)
    try:
        np.testing.assert_array_equal(read_idx(path, 3), array)
    except DataError as error:
        assert "images.gz" in str(error)


HEADER = struct.pack(">BBBBI", 0, 0, 8, 1, 3)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a", b"", "does not start with the four bytes of an IDX file"),
        ("a", b"\x00\x00\x08", "does not start with the four bytes of an IDX file"),
        ("a", b"<html>not found</html>", "does not start with the four bytes of an IDX file"),
        ("a", b"\x00\x00\x0d\x01" + HEADER[4:] + bytes(12), r"type 0x0d and not unsigned bytes \(0x08\)"),
        ("a", struct.pack(">BBBBII", 0, 0, 8, 2, 1, 3) + b"abc", "2 dimensions and not 1"),
        ("a", HEADER[:6], "ends within its header, after 6 of 8 bytes"),
        ("a", HEADER + b"ab", "cut off: it holds 2 of the 3 bytes"),
        ("a", HEADER + b"abcde", "2 bytes follow the 3 bytes that its header announces"),
        ("a.gz", HEADER + b"abc", "ends in .gz but it is not a gzip archive"),
        ("a.gz", gzip.compress(HEADER + b"abc", mtime=0)[:-9], "gzip archive is cut off"),
        ("a.gz", gzip.compress(HEADER + b"abc", mtime=0)[:-8] + bytes(8), "gzip archive cannot be unpacked"),
        ("a.gz", gzip.compress(HEADER + b"ab", mtime=0), "cut off: it holds 2 of the 3 bytes"),
    ],
)
def test_a_damaged_file_is_named_with_what_is_wrong(name, content, words, tmp_path):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(DataError, match=words) as raised:
        read_idx(path, 1)
    assert str(path) in str(raised.value) and "replace it by a fresh copy" in str(raised.value)


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    with pytest.raises(DataError, match=r"'.*nowhere' cannot be read"):
        read_idx(tmp_path / "nowhere", 1)


def test_an_archive_is_recognised_without_its_ending(tmp_path):
    path = tmp_path / "labels"
    path.write_bytes(gzip.compress(HEADER + b"abc", mtime=0))
    assert read_idx(path, 1).tobytes() == b"abc"
