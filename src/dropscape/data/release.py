"""What official releases have in common: their folders and the words for what a copy differs in."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dropscape.errors import ConfigurationError, DataError


@dataclass(frozen=True)
class FoundFile:
    """One file of a release as it was found.

    Attributes:
        name: its name on disk.
        part: ``train`` or ``test``.
        holds: what its examples are, in words, such as ``images``.
        count, official_count: number of examples that it has, and that the official file has.
        official: whether its content is that of the official file.
        checksums: hexadecimal digests by name.
    """

    name: str
    part: str
    holds: str
    count: int
    official_count: int
    official: bool
    checksums: Mapping[str, str]


def directory_folder(title: str, folder: str | None, needed: str) -> Path:
    """The folder of the source ``directory``; ``title`` is the dataset and ``needed`` its files, in words.

    Raises:
        ConfigurationError: no folder is given.
        DataError: it does not exist.
    """
    if not folder:
        raise ConfigurationError(
            f"`source: directory` needs the folder with the {title} files; write `directory: path/to/folder` "
            "in the configuration."
        )
    if not Path(folder).expanduser().is_dir():
        raise DataError(
            f"The folder '{folder}' (`directory` in the configuration) does not exist; write the folder that "
            f"holds {needed}, or `source: embedded`."
        )
    return Path(folder).expanduser()


def cache_folder(title: str, cache: str | None, below: str = "") -> Path:
    """The folder ``below`` the download cache, made if it is not there.

    Raises:
        ConfigurationError: no cache is given.
        DataError: it cannot be written.
    """
    if not cache:
        raise ConfigurationError(
            f"`source: official` needs a folder to download {title} into; write `download_cache: data` in the "
            "configuration."
        )
    folder = Path(cache).expanduser() / below
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(
            f"{title} cannot be downloaded into '{folder}' ({error.strerror}); write a folder that can be "
            "written for `download_cache` in the configuration."
        ) from error
    return folder


def refuse_unless_official(path: Path, sha256: str, official_sha256: str) -> None:
    """Compares a second checksum of a download, because md5 alone does not prove what a file is.

    Raises:
        DataError: the two differ.
    """
    if sha256 != official_sha256:
        raise DataError(
            f"The file '{path}' is not the official one although its md5 is (`source: official` in the "
            "configuration); delete it and run again."
        )


def description(
    dataset: str, title: str, source: str, origin: str, files: Sequence[FoundFile], licence: str
) -> dict[str, Any]:
    """The description of a dataset that was read from the files of a release; see ``dataset.Dataset``."""
    unofficial = [file for file in files if not file.official]
    return {
        "dataset": dataset,
        "source": source,
        "origin": origin,
        "files": {file.name: {**file.checksums, "official": file.official} for file in files},
        "checksums_verified": not unofficial,
        "counts": {part: _counts(files, part)[0] for part in ("train", "test")},
        "licence": licence,
        "differs": "; ".join(map(_difference, unofficial)),
        "label": f"{title}, {'' if source == 'official' else f'{source}, '}{_copies(files) or 'official files'}",
    }


def _counts(files: Sequence[FoundFile], part: str) -> tuple[int, int]:
    """Examples that a part has and that it has officially; each example counts once, not once per file of it."""
    of_part = [file for file in files if file.part == part]
    once = [file for file in of_part if file.holds == of_part[0].holds]
    return sum(file.count for file in once), sum(file.official_count for file in once)


def _difference(file: FoundFile) -> str:
    if file.count == file.official_count:
        return f"{file.name} is not the official file: as many examples, but another checksum"
    return f"{file.name} is not the official file: {file.count:,} examples instead of {file.official_count:,}"


def _copies(files: Sequence[FoundFile]) -> str:
    """For the footer of a figure: which part is not official, and how many examples it has if not all."""
    notes = []
    for part, word in (("train", "training"), ("test", "test")):
        unofficial = [file for file in files if file.part == part and not file.official]
        if unofficial:
            kinds = list(dict.fromkeys(file.holds for file in unofficial))
            official = [file for file in files if file.part == part and file.official and file.holds in kinds]
            note = f"{'some ' if official else ''}{word} {' and '.join(kinds)} are not the official "
            note += "file" if len(unofficial) == 1 else "files"
            count, official_count = _counts(files, part)
            if count != official_count:
                note += f" ({count:,} of {official_count:,})"
            notes.append(note)
    return "; ".join(notes)


def stand_in_description(
    dataset: str, title: str, counts: Mapping[str, int], what: str, differs: str
) -> dict[str, Any]:
    """The description of generated data that stand in for ``title``; ``what`` they are, in words."""
    return {
        "dataset": dataset,
        "source": "embedded",
        "origin": f"stand-in data for {title}: {what}, generated",
        "files": {},
        "checksums_verified": True,
        "counts": dict(counts),
        "licence": "generated, free of rights",
        "differs": differs,
        "label": f"stand-in data for {title}: {counts['train']:,} + {counts['test']:,} generated {what}",
    }
