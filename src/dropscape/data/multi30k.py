"""Multi30k, English to German, from the official download or a folder with its files.

The files are those of task 1, raw: a caption of an image a line, in both languages. The test split is
``test_2016_flickr``; nothing here needs the validation split.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dropscape.data.contents import FileContent, damaged
from dropscape.data.release import SPLITS, OfficialFile, Release
from dropscape.errors import DataError

if TYPE_CHECKING:
    from dropscape.data.corpus import Corpus


@dataclass(frozen=True)
class Multi30kRelease(Release):
    """Two files of sentences for each split, one a language."""

    def loaded(self, contents: Mapping[str, FileContent], source: str, origin: str) -> "Corpus":
        """Read the sentences and their translations; a DataError names a damaged file or unequal numbers of lines."""
        from dropscape.data.corpus import Pairs, corpus_from_text

        lines = {name: _lines(file) for name, file in contents.items()}
        pairs = []
        for split in SPLITS:
            english, german = (name for name, file in self.files.items() if file.split == split)
            if len(lines[english]) != len(lines[german]):
                raise DataError(
                    f"'{contents[english].path}' has {len(lines[english]):,} lines but '{contents[german].path}' has "
                    f"{len(lines[german]):,}, so they do not translate each other line by line; take both from the "
                    "same release."
                )
            pairs.append(Pairs(lines[english], lines[german]))
        counts = {name: len(sentences) for name, sentences in lines.items()}
        return corpus_from_text(self.dataset, *pairs, self.description(contents, counts, source, origin))


MULTI30K = Multi30kRelease(
    "multi30k",
    "Multi30k English-German",
    {
        "train.en": OfficialFile(
            "train",
            "English sentences",
            29_000,
            "460a15fbd157e34a7a9957ee388c1ca247fe47af3ef25fb50442af6c274e0fc6",
            "0065d13af80720a55ca8153d126e6627",
        ),
        "train.de": OfficialFile(
            "train",
            "German sentences",
            29_000,
            "2c2b73fd2b548fbcde3a875e0a78d6ee94d498bfdee6bd3eae3945779e9ddf72",
            "81ff90b99829c0cd4b1b587d394afd39",
        ),
        "test_2016_flickr.en": OfficialFile(
            "test",
            "English sentences",
            1_000,
            "399a4382932c1aadd3ceb9bef1008d388a64c76d4ae4e9d4728c6f4301cac182",
            "ff2c0fcb4893a13bd73414306bc250ae",
        ),
        "test_2016_flickr.de": OfficialFile(
            "test",
            "German sentences",
            1_000,
            "4be6b5b3236b79c25475c6bb829800a7ce559e9ba7a1f6c2394fe4d40be46d16",
            "efd67d314d98489b716b145475101932",
        ),
    },
    hosts=("https://raw.githubusercontent.com/multi30k/dataset/master/data/task1/raw/",),
    folder="multi30k",
    licence="no licence is stated beside the files; Elliott, Frank, Sima'an and Specia, Multi30K, 2016",
    needed="the four official Multi30k files of task 1 (plain or as .gz)",
    embedded="generated stand-in captions",
)


def _lines(file: FileContent) -> list[str]:
    try:
        text = file.content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise damaged(file.path, f"it is not UTF-8 text, byte {error.start:,} counted from 0") from error
    # Not splitlines(), which also cuts at characters that belong to a sentence.
    lines = [line.strip() for line in text.removesuffix("\n").split("\n")]
    if "" in lines:
        raise damaged(file.path, f"its line {lines.index('') + 1:,} is empty")
    return lines
