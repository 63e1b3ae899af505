import gzip
import hashlib

import pytest

from dropscape.data import contents
from dropscape.data.contents import read_content
from dropscape.errors import DataError


@pytest.mark.parametrize("packed", [True, False])
def test_content_and_both_checksums(packed, tmp_path):
    content = b"two dogs\n" * 100
    path = tmp_path / "lines"
    path.write_bytes(gzip.compress(content) if packed else content)
    read = read_content(path)
    assert read.content == content
    assert read.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert read.content_sha256 == hashlib.sha256(content).hexdigest()


@pytest.mark.parametrize("packed", [True, False])
def test_more_than_the_limit_is_refused_and_the_limit_itself_is_not(packed, tmp_path, monkeypatch):
    monkeypatch.setattr(contents, "LIMIT", 1000)
    path = tmp_path / "bomb"
    for size, refused in ((1000, False), (1001, True)):
        path.write_bytes(gzip.compress(bytes(size)) if packed else bytes(size))
        if refused:
            with pytest.raises(DataError, match=r"'.*bomb' is damaged .*more than the 1,000 bytes"):
                read_content(path)
        else:
            assert len(read_content(path).content) == size
