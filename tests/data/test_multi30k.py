import gzip
import hashlib
import json
from dataclasses import replace

import pytest

from dropscape.data.corpus import words
from dropscape.data.examples import pair_examples
from dropscape.data.multi30k import MULTI30K
from dropscape.errors import ConfigurationError, DataError

UNREACHABLE = "http://127.0.0.1:9/"
LINES = {
    "train.en": "Two dogs run.\nA man sits\u2028here.\nA girl sings.\n",
    "train.de": "Zwei Hunde laufen.\nEin Mann sitzt\u00a0hier.\nEin Mädchen singt.\n",
    "test_2016_flickr.en": "A dog sings.\nA man runs.\n",
    "test_2016_flickr.de": "Ein Hund singt.\nEin Mann läuft.",
}


@pytest.fixture
def folder(tmp_path):
    """A folder with four small files as archives."""
    host = tmp_path / "files"
    host.mkdir()
    for name, text in LINES.items():
        (host / f"{name}.gz").write_bytes(gzip.compress(text.encode(), mtime=0))
    return host


@pytest.fixture
def small_release(monkeypatch, folder):
    """The release of which the small files are the official ones, not to be reached."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    files = {
        name: replace(
            file,
            count=3 if file.split == "train" else 2,
            checksum=hashlib.sha256(LINES[name].encode()).hexdigest(),
            archive_md5=hashlib.md5((folder / f"{name}.gz").read_bytes()).hexdigest(),
        )
        for name, file in MULTI30K.files.items()
    }
    return replace(MULTI30K, files=files, hosts=[UNREACHABLE])


def assert_is_small(corpus):
    assert [words(row, corpus.source_words) for row in corpus.train_source] == [
        ["two", "dogs", "run", "."],
        ["a", "man", "sits", "here", "."],
        ["a", "girl", "sings", "."],
    ]
    assert words(corpus.train_target[1], corpus.target_words) == ["ein", "mann", "sitzt", "hier", "."]
    assert words(corpus.test_target[1], corpus.target_words) == ["ein", "mann", "<unk>", "."]


class TestDirectory:
    @pytest.mark.parametrize("packed", [True, False])
    def test_reads_archives_and_plain_files(self, packed, folder):
        if not packed:
            for name, text in LINES.items():
                (folder / f"{name}.gz").unlink()
                (folder / name).write_text(text, encoding="utf-8")
        assert_is_small(MULTI30K.directory(str(folder)))

    def test_an_unofficial_copy_is_used_and_named(self, folder):
        description = MULTI30K.directory(str(folder)).description
        assert description["checksums_verified"] is False
        assert description["label"] == (
            "Multi30k English-German, directory, "
            "training English sentences and German sentences are not the official files (3 of 29,000); "
            "test English sentences and German sentences are not the official files (2 of 1,000)"
        )
        assert "train.de.gz is not the official file: 3 examples instead of 29,000" in description["differs"]
        assert (
            description["files"]["train.de.gz"]["sha256"]
            == hashlib.sha256((folder / "train.de.gz").read_bytes()).hexdigest()
        )
        assert description["counts"] == {"train": 3, "test": 2} and str(folder) in description["origin"]
        assert json.loads(json.dumps(description)) == description

    def test_official_files_are_verified_however_they_are_packed(self, small_release, folder):
        (folder / "train.en.gz").write_bytes(gzip.compress(LINES["train.en"].encode(), compresslevel=1))
        description = small_release.directory(str(folder)).description
        assert description["checksums_verified"] is True and description["differs"] == ""
        assert description["label"] == "Multi30k English-German, directory, official files"

    def test_a_folder_that_is_not_given_or_does_not_exist(self, tmp_path):
        with pytest.raises(ConfigurationError, match=r"Multi30k English-German files; write `directory: path/to"):
            MULTI30K.directory(None)
        with pytest.raises(DataError, match=r"nowhere' .`directory` in the configuration. does not exist"):
            MULTI30K.directory(str(tmp_path / "nowhere"))

    def test_a_missing_file_is_named_with_the_four_that_are_needed(self, folder):
        (folder / "test_2016_flickr.de.gz").unlink()
        with pytest.raises(DataError, match=r"hold test_2016_flickr.de of .*; put the four .* there") as raised:
            MULTI30K.directory(str(folder))
        assert all(name in str(raised.value) for name in MULTI30K.files)

    def test_a_damaged_archive_is_named(self, folder):
        path = folder / "train.de.gz"
        path.write_bytes(path.read_bytes()[:-9])
        with pytest.raises(DataError, match=r"train.de.gz' is damaged.*cut off"):
            MULTI30K.directory(str(folder))

    def test_unequal_numbers_of_lines(self, folder):
        (folder / "train.de.gz").write_bytes(gzip.compress(b"Zwei Hunde laufen.\nEin Mann sitzt.\n"))
        with pytest.raises(DataError, match=r"train.en.gz' has 3 lines but '.*train.de.gz' has 2, so they do not"):
            MULTI30K.directory(str(folder))

    def test_text_that_is_not_utf_8(self, folder):
        (folder / "train.de.gz").write_bytes(gzip.compress("Zwei Mädchen\n".encode("latin1") * 3))
        with pytest.raises(DataError, match=r"train.de.gz' is damaged .*it is not UTF-8 text, byte 6 counted from 0"):
            MULTI30K.directory(str(folder))

    def test_an_empty_line(self, folder):
        (folder / "train.de.gz").write_bytes(gzip.compress(b"Zwei Hunde laufen.\n \nEin Mann sitzt.\n"))
        with pytest.raises(DataError, match=r"train.de.gz' is damaged .*its line 2 is empty"):
            MULTI30K.directory(str(folder))


class TestOfficial:
    def test_downloads_once_and_verifies(self, serve, folder, small_release, tmp_path):
        corpus = replace(small_release, hosts=[serve(folder)]).official(str(tmp_path / "cache"))
        assert_is_small(corpus)
        assert corpus.description["checksums_verified"] is True
        assert corpus.description["label"] == "Multi30k English-German, official files"
        assert small_release.official(str(tmp_path / "cache")).description == corpus.description

    def test_a_wrong_checksum_is_named_and_the_file_is_not_kept(self, serve, folder, small_release, tmp_path):
        (folder / "train.de.gz").write_bytes(gzip.compress(b"Etwas anderes.\n" * 3))
        with pytest.raises(DataError, match=r"train.de.gz from .*its checksum is not the official one"):
            replace(small_release, hosts=[serve(folder)]).official(str(tmp_path))
        assert not (tmp_path / "multi30k" / "train.de.gz").exists()

    def test_the_sha256_of_the_content_is_compared_too(self, serve, folder, small_release, tmp_path):
        files = small_release.files | {"train.de": replace(small_release.files["train.de"], checksum="0" * 64)}
        with pytest.raises(DataError, match=r"train.de.gz' is not the official one although its md5 is"):
            replace(small_release, files=files, hosts=[serve(folder)]).official(str(tmp_path))

    def test_without_a_network(self, small_release, tmp_path):
        with pytest.raises(DataError) as raised:
            small_release.official(str(tmp_path))
        message = str(raised.value)
        assert "Multi30k English-German could not be downloaded (`source: official` in the configuration" in message
        assert UNREACHABLE in message and "generated stand-in captions" in message and "\n" not in message


def test_the_host_is_reached_by_https():
    assert MULTI30K.hosts and all(host.startswith("https://") for host in MULTI30K.hosts)


def test_the_real_files(real_pairs):
    corpus = MULTI30K.directory(str(real_pairs))
    assert corpus.description["checksums_verified"] is True
    assert corpus.description["label"] == "Multi30k English-German, directory, official files"
    assert corpus.train_source.shape[0] == corpus.train_target.shape[0] == 29_000
    assert corpus.test_source.shape[0] == corpus.test_target.shape[0] == 1_000
    first = "two young , white males are outside near many bushes ."
    assert " ".join(words(corpus.train_source[0], corpus.source_words)) == first
    # The numbers that the docstring of ``corpus`` gives for the experiment of paper A.
    examples = pair_examples(corpus, {"train_examples": 2048, "test_examples": 1000})
    for side, size, train_unknown, test_unknown in (("source", 1325, 6, 9), ("target", 1293, 8, 14)):
        assert len(examples.description[f"{side}_vocabulary"]) == size + 4
        assert examples.description[f"{side}_length"] == 31
        for split, expected in (("train", train_unknown), ("test", test_unknown)):
            if side == "source":
                rows = getattr(examples, f"{split}_inputs")[:, :31]
            else:
                rows = getattr(examples, f"{split}_targets")
            known = rows[(rows != 0) & (rows != 2)]
            assert round(100 * float((known == 3).double().mean())) == expected
