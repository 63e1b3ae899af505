"""Multi30k, English to German, from the official download or a folder with its files.

The files are those of task 1, raw: a caption of an image a line, in both languages. The test part is
``test_2016_flickr``; nothing here needs the validation part.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from dropscape.data.contents import Content, damaged, read_content
from dropscape.data.corpus import Corpus, Pairs, corpus_of
from dropscape.data.download import download
from dropscape.data.release import (
    FoundFile,
    cache_folder,
    description,
    directory_folder,
    refuse_unless_official,
)
from dropscape.errors import DataError

TITLE = "Multi30k English-German"
HOST = "https://raw.githubusercontent.com/multi30k/dataset/master/data/task1/raw/"
LICENCE = "no licence is stated beside the files; Elliott, Frank, Sima'an and Specia, Multi30K, 2016"


@dataclass(frozen=True)
class Text:
    """An official file: its part, what it holds, its number of lines, its archive's md5 and its content's sha256."""

    part: str
    holds: str
    lines: int
    md5: str
    sha256: str


FILES = {
    "train.en": Text(
        "train",
        "English sentences",
        29_000,
        "0065d13af80720a55ca8153d126e6627",
        "460a15fbd157e34a7a9957ee388c1ca247fe47af3ef25fb50442af6c274e0fc6",
    ),
    "train.de": Text(
        "train",
        "German sentences",
        29_000,
        "81ff90b99829c0cd4b1b587d394afd39",
        "2c2b73fd2b548fbcde3a875e0a78d6ee94d498bfdee6bd3eae3945779e9ddf72",
    ),
    "test_2016_flickr.en": Text(
        "test",
        "English sentences",
        1_000,
        "ff2c0fcb4893a13bd73414306bc250ae",
        "399a4382932c1aadd3ceb9bef1008d388a64c76d4ae4e9d4728c6f4301cac182",
    ),
    "test_2016_flickr.de": Text(
        "test",
        "German sentences",
        1_000,
        "efd67d314d98489b716b145475101932",
        "4be6b5b3236b79c25475c6bb829800a7ce559e9ba7a1f6c2394fe4d40be46d16",
    ),
}


def official(cache: str | None) -> Corpus:
    """The official archives, downloaded into the folder multi30k of ``cache``; intact ones there are used.

    The md5 of each archive and the sha256 of its content are compared before anything is made of it.

    Raises:
        ConfigurationError: no folder is given.
        DataError: the folder cannot be written, or the host cannot be reached or sends another file.
    """
    folder = cache_folder(TITLE, cache, "multi30k")
    paths = {name: folder / f"{name}.gz" for name in FILES}
    for name, file in FILES.items():
        download(TITLE, paths[name], file.md5, [HOST], embedded="generated stand-in captions")
    contents = {name: read_content(path) for name, path in paths.items()}
    for name, file in FILES.items():
        refuse_unless_official(paths[name], contents[name].content_sha256, file.sha256)
    return _corpus(contents, paths, "official", "the official files, downloaded")


def directory(folder: str | None) -> Corpus:
    """A folder with the four official files, each plain or in a gzip archive.

    Files that are not the official ones are used and named so in the description.

    Raises:
        ConfigurationError: no folder is given.
        DataError: the folder or a file is missing, a file is damaged, or the two languages have different lines.
    """
    root = directory_folder(TITLE, folder, "the official Multi30k files of task 1")
    paths = {name: _find(root, folder, name) for name in FILES}
    contents = {name: read_content(path) for name, path in paths.items()}
    return _corpus(contents, paths, "directory", f"the folder '{folder}'")


def _find(root: Path, folder: str | None, name: str) -> Path:
    for path in (root / f"{name}.gz", root / name):
        if path.is_file():
            return path
    raise DataError(
        f"The folder '{folder}' (`directory` in the configuration) has no {name}, plain or as .gz; put all four "
        f"official Multi30k files there ({', '.join(FILES)}), or write `source: embedded`."
    )


def _corpus(contents: Mapping[str, Content], paths: Mapping[str, Path], source: str, origin: str) -> Corpus:
    """The corpus of four files that have been read; names what is not the official release."""
    lines = {name: _lines(contents[name].content, paths[name]) for name in FILES}
    pairs = {}
    for part in ("train", "test"):
        english, german = (name for name, file in FILES.items() if file.part == part)
        if len(lines[english]) != len(lines[german]):
            raise DataError(
                f"'{paths[english]}' has {len(lines[english]):,} lines but '{paths[german]}' has "
                f"{len(lines[german]):,}, so they do not translate each other line by line; take both from the same "
                "release."
            )
        pairs[part] = Pairs(lines[english], lines[german])
    found = [
        FoundFile(
            paths[name].name,
            file.part,
            file.holds,
            count=len(lines[name]),
            official_count=file.lines,
            official=contents[name].content_sha256 == file.sha256,
            checksums={"sha256": contents[name].sha256, "content_sha256": contents[name].content_sha256},
        )
        for name, file in FILES.items()
    ]
    described = description("multi30k", TITLE, source, origin, found, LICENCE)
    return corpus_of("multi30k", pairs["train"], pairs["test"], described)


def _lines(content: bytes, path: Path) -> list[str]:
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise damaged(path, f"it is no UTF-8 text, byte {error.start:,} counted from 0") from error
    # Not splitlines(), which also cuts at characters that are part of a sentence.
    lines = [line.strip() for line in text.removesuffix("\n").split("\n")]
    if "" in lines:
        raise damaged(path, f"its line {lines.index('') + 1:,} is empty")
    return lines
