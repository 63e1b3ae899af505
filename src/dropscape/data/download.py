"""Downloads a file from the addresses that are configured for it, by TLS alone; it appears when it is checked.

torchvision's download falls back to plain http where https fails, follows any redirection and leaves a file that
broke off under its final name; so it is not used.
"""

import hashlib
import http.client
import shutil
import urllib.request
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from dropscape.data.contents import LIMIT
from dropscape.errors import DataError

# Seconds without an answer after which a host counts as unreachable.
SILENCE = 30.0
SCHEMES = ("https",)
PIECE = 2**20


class _Refused(Exception):
    """What a host sends is not taken; the message gives the reason."""


class _SameHost(urllib.request.HTTPRedirectHandler):
    """Follows redirections within the host only."""

    def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Any:
        before, after = urlsplit(req.full_url), urlsplit(newurl)
        if (before.scheme, before.netloc) != (after.scheme, after.netloc):
            raise _Refused(f"it redirects elsewhere, to {newurl}")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def download(title: str, path: Path, md5: str, hosts: Sequence[str], *, embedded: str) -> None:
    """Download one file from the first host that has it; an intact copy that is already there is used.

    The file appears under its name when its checksum is found to be the official one, and replaces another file of
    that name. A DataError says that no host can be reached or sends the official file.

    Args:
        title: the dataset, in words.
        path: where the file goes; its name is also its name on the hosts.
        md5: its official checksum.
        hosts: addresses that the name is appended to.
        embedded: what the source ``embedded`` gives instead, in words.
    """
    if path.is_file():
        if _md5(path) == md5:
            return
        path.unlink()
    failures = []
    temporary = path.with_name(f".{path.name}.part")
    for host in hosts:
        try:
            _fetch(f"{host}{path.name}", temporary)
            if _md5(temporary) != md5:
                raise _Refused("it sends a damaged or another file: its checksum is not the official one")
            temporary.replace(path)
            return
        # OSError covers no network, no such address, no answer in time, no trusted certificate and a full disk.
        except (_Refused, OSError, http.client.HTTPException) as error:
            failures.append(f"{host}: {error}")
        finally:
            with suppress(OSError):
                temporary.unlink()
    raise DataError(
        f"{title} could not be downloaded (`source: official` in the configuration; {path.name} from "
        f"{'; '.join(failures)}); run it with a network, or write `source: directory` with `directory:` a "
        f"folder that holds the official files, or `source: embedded` for {embedded}."
    )


def _fetch(url: str, path: Path) -> None:
    if urlsplit(url).scheme not in SCHEMES:
        raise _Refused("its address does not begin with https, so nothing is downloaded from it")
    opener = urllib.request.build_opener(_SameHost)
    with opener.open(url, timeout=SILENCE) as answer, open(path, "wb") as file:
        shutil.copyfileobj(_Limited(answer), file, PIECE)
        announced = answer.headers.get("Content-Length")
    if announced is not None and path.stat().st_size != int(announced):
        raise _Refused(f"the download broke off after {path.stat().st_size:,} of {int(announced):,} bytes")


class _Limited:
    """A stream that is refused when it holds more than any official file."""

    def __init__(self, stream: Any):
        self._stream = stream
        self._left = LIMIT

    def read(self, size: int) -> bytes:
        piece = self._stream.read(size)
        self._left -= len(piece)
        if self._left < 0:
            raise _Refused(f"it sends more than the {LIMIT:,} bytes that any official file has")
        return piece


def _md5(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
