"""What all official releases of datasets share: how their files are found, checked and described."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dropscape.data.contents import FileContent, read_content
from dropscape.data.download import download
from dropscape.errors import ConfigurationError, DataError

SPLITS = {"train": "training", "test": "test"}


@dataclass(frozen=True)
class OfficialFile:
    """A file of a release."""

    split: str  # train or test
    holds: str  # what its examples are, such as images
    count: int  # how many examples it has
    checksum: str  # of its content; one of ``Release.checksums``
    archive_md5: str = ""  # of the gzip archive in which it is downloaded alone


@dataclass(frozen=True)
class FoundFile:
    """A file of a release as it was found, with how many examples it has."""

    name: str
    official: OfficialFile
    count: int
    checksums: Mapping[str, str]

    @property
    def is_official(self) -> bool:
        """Whether its content is that of the official file."""
        return self.official.checksum in self.checksums.values()


@dataclass(frozen=True)
class Release:
    """An official release, each file of which is downloaded as a gzip archive."""

    dataset: str  # its name in the configuration
    title: str
    files: Mapping[str, OfficialFile]
    hosts: Sequence[str]  # addresses that the name of an archive is appended to
    folder: str  # below the download cache
    licence: str
    needed: str  # what a user's folder has to hold, in words
    embedded: str  # what the source ``embedded`` gives instead, in words

    def official(self, cache: str | None) -> Any:
        """Download the release into ``cache`` and read it; intact files that are already there are used.

        The md5 of every download is compared before it is kept, and its sha256 before anything is made of it. A
        ConfigurationError says that ``cache`` is missing, a DataError that the folder cannot be written, or that no
        host can be reached or sends the official file.
        """
        if not cache:
            raise ConfigurationError(
                f"`source: official` needs a folder to download {self.title} into; write `download_cache: data` in the "
                "configuration."
            )
        folder = Path(cache).expanduser() / self.folder
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise DataError(
                f"{self.title} cannot be downloaded into '{folder}' ({error.strerror}); write a folder that you can "
                "write to as `download_cache` in the configuration."
            ) from error
        return self.loaded(self.downloaded(folder), "official", "the official files, downloaded")

    def directory(self, folder: str | None) -> Any:
        """Read the files in a folder of the user's.

        Files that are not the official ones are used and named so in the description. A ConfigurationError says that
        ``folder`` is missing, a DataError that it or a file does not exist, or that a file is damaged.
        """
        if not folder:
            raise ConfigurationError(
                f"`source: directory` needs the folder with the {self.title} files; write "
                "`directory: path/to/folder` in the configuration."
            )
        root = Path(folder).expanduser()
        if not root.is_dir():
            raise DataError(
                f"The folder '{folder}' (`directory` in the configuration) does not exist; write the folder that "
                f"holds {self.needed}, or `source: embedded`."
            )
        found = self.found_in(root)
        if missing := [name for name in self.files if name not in found]:
            raise DataError(
                f"The folder '{folder}' (`directory` in the configuration) does not hold {missing[0]} of {self.title}; "
                f"put {self.needed} there ({', '.join(self.files)}), or write `source: embedded`."
            )
        contents = {name: read_content(path) for name, path in found.items()}
        return self.loaded(contents, "directory", f"the folder '{folder}'")

    def found_in(self, root: Path) -> dict[str, Path]:
        """Find the files of the release in a user's folder, by their names."""
        found = {name: [path for path in self.candidates(root, name) if path.is_file()] for name in self.files}
        return {name: paths[0] for name, paths in found.items() if paths}

    def candidates(self, root: Path, name: str) -> Iterator[Path]:
        """List the paths where a user's folder may have a file, best first."""
        # The archive first: gzip notices a copy that broke off, a plain file is all that is left of one.
        yield root / f"{name}.gz"
        yield root / name

    def downloaded(self, folder: Path) -> dict[str, FileContent]:
        """Download and check every file that is not in the folder yet, and read it."""
        contents = {}
        for name, file in self.files.items():
            path = folder / f"{name}.gz"
            download(self.title, path, file.archive_md5, self.hosts, embedded=self.embedded)
            contents[name] = read_content(path)
            refuse_unless_official(path, contents[name].content_sha256, file.checksum)
        return contents

    def loaded(self, contents: Mapping[str, FileContent], source: str, origin: str) -> Any:
        """Make the dataset of the contents of all files."""
        raise NotImplementedError

    def checksums(self, file: FileContent) -> dict[str, str]:
        """Give the checksums of a file that stand in the description."""
        return {"sha256": file.sha256, "content_sha256": file.content_sha256}

    def description(
        self, contents: Mapping[str, FileContent], counts: Mapping[str, int], source: str, origin: str
    ) -> dict[str, Any]:
        """Describe the dataset (see ``dataset.Dataset``); ``counts`` has the number of examples in each file."""
        files = [
            FoundFile(file.path.name, self.files[name], counts[name], self.checksums(file))
            for name, file in contents.items()
        ]
        unofficial = [file for file in files if not file.is_official]
        copies = "; ".join(filter(None, (_unofficial_files(files, split) for split in SPLITS)))
        return {
            "dataset": self.dataset,
            "source": source,
            "origin": origin,
            "files": {file.name: {**file.checksums, "official": file.is_official} for file in files},
            "checksums_verified": not unofficial,
            "counts": {split: _counts(files, split)[0] for split in SPLITS},
            "licence": self.licence,
            "differs": "; ".join(map(_difference, unofficial)),
            "label": f"{self.title}, {'' if source == 'official' else f'{source}, '}{copies or 'official files'}",
        }


def refuse_unless_official(path: Path, sha256: str, official_sha256: str) -> None:
    """Compare a second checksum of a download, because md5 alone does not prove what a file is."""
    if sha256 != official_sha256:
        raise DataError(
            f"The file '{path}' is not the official one although its md5 is (`source: official` in the "
            "configuration); delete it and run again."
        )


def _counts(files: Sequence[FoundFile], split: str) -> tuple[int, int]:
    """Count a split's examples here and officially; each example counts once, not once per file of it."""
    in_split = [file for file in files if file.official.split == split]
    once = [file for file in in_split if file.official.holds == in_split[0].official.holds]
    return sum(file.count for file in once), sum(file.official.count for file in once)


def _difference(file: FoundFile) -> str:
    if file.count == file.official.count:
        return f"{file.name} is not the official file: as many examples, but another checksum"
    return f"{file.name} is not the official file: {file.count:,} examples instead of {file.official.count:,}"


def _unofficial_files(files: Sequence[FoundFile], split: str) -> str:
    """Say for the footer of a figure what of a split is not official, and how many examples it has if not all."""
    in_split = [file for file in files if file.official.split == split]
    unofficial = [file for file in in_split if not file.is_official]
    if not unofficial:
        return ""
    kinds = list(dict.fromkeys(file.official.holds for file in unofficial))
    some = "some " if any(file.is_official and file.official.holds in kinds for file in in_split) else ""
    noun = "file" if len(unofficial) == 1 else "files"
    count, official_count = _counts(files, split)
    share = f" ({count:,} of {official_count:,})" if count != official_count else ""
    return f"{some}{SPLITS[split]} {' and '.join(kinds)} are not the official {noun}{share}"
