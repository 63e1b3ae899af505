"""Files inside of a page: packed to be unpacked by the browser, and pictures that it shows at once."""

import base64
import gzip
import io
from collections.abc import Iterable, Mapping
from pathlib import Path

from PIL import Image

TYPES = {
    "csv": "text/csv",
    "js": "text/javascript",
    "json": "application/json",
    "pdf": "application/pdf",
    "svg": "image/svg+xml",
}
_THUMBNAIL_WIDTH = 640  # pixels: twice that of a card


def packed(content: bytes) -> str:
    """The bytes compressed by gzip, as text in base64; the same bytes give the same text."""
    return base64.b64encode(gzip.compress(content, mtime=0)).decode("ascii")


def fitting(files: Mapping[str, str], first: Iterable[str], room: int) -> dict[str, str]:
    """The packed files by name that fit into so many characters: those that come first, then the smallest."""
    chosen: dict[str, str] = {}
    leading = set(first)
    for name in sorted(files, key=lambda name: (name not in leading, len(files[name]), name)):
        room -= len(files[name])
        if room >= 0:
            chosen[name] = files[name]
    return chosen


def thumbnail(picture: str | Path) -> str:
    """A picture made small, as an address that holds the data of a WebP file."""
    with Image.open(picture) as image:
        height = round(image.height * _THUMBNAIL_WIDTH / image.width)
        small = image.convert("RGB").resize((_THUMBNAIL_WIDTH, height), Image.Resampling.LANCZOS)
    stream = io.BytesIO()
    small.save(stream, "WEBP", quality=70, method=6)
    return f"data:image/webp;base64,{base64.b64encode(stream.getvalue()).decode('ascii')}"
