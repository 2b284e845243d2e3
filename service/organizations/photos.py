"""Photos without what their cameras wrote into them: place, time, device, owner, previews, remarks.

The picture itself is not touched: only the parts that programs need to show it stay (segments of JPEG by ITU
T.81, chunks of PNG by ISO/IEC 15948), and which side is up (Exif 2.32). Nothing is decoded, and nothing lost.
"""

from __future__ import annotations

import struct
import zlib
from typing import TYPE_CHECKING

from matching.messages import Message
from service.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Iterator

_EXIF = b"Exif\x00\x00"
_ORIENTATION = 0x0112
_SHORT = 3
_APP0, _APP1, _APP2, _APP14, _APP15, _COMMENT = 0xE0, 0xE1, 0xE2, 0xEE, 0xEF, 0xFE
_SCAN, _END = 0xDA, 0xD9
_BARE = {0x01, *range(0xD0, 0xD8)}
"""Markers of a JPEG without a length."""
_SHOWN = {
    b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS", b"gAMA", b"cHRM", b"sRGB", b"iCCP", b"sBIT", b"bKGD",
    b"pHYs", b"cICP", b"acTL", b"fcTL", b"fdAT",
}  # fmt: skip
"""Chunks of a PNG that say how it looks."""
_SIGNATURE = 8


def without_traces(content: bytes, media_type: str) -> bytes:
    """A photo as it looks, and nothing else of what its file told. Raises BadInput where it is damaged."""
    clean = {"image/jpeg": _jpeg, "image/png": _png}[media_type]
    try:
        return b"".join(clean(content))
    except (IndexError, struct.error) as error:
        damaged = Message("photo-damaged", "This photo is damaged and cannot be read. Save it anew.")
        raise BadInput.one("file", damaged) from error


def _jpeg(content: bytes) -> Iterator[bytes]:
    yield content[:2]
    segments = list(_segments(content))
    upright = next(
        (
            side
            for marker, start, end in segments
            if marker == _APP1 and content[start + 4 : start + 10] == _EXIF
            if (side := _orientation(content[start + 10 : end])) > 1
        ),
        1,
    )
    if upright > 1:
        exif = _EXIF + _only_orientation(upright)
        yield struct.pack(">BBH", 0xFF, _APP1, len(exif) + 2) + exif
    for marker, start, end in segments:
        if _APP0 <= marker <= _APP15 or marker == _COMMENT:
            colours = marker == _APP2 and content[start + 4 :].startswith(b"ICC_PROFILE\x00")
            frame = marker == _APP0 and content[start + 4 : start + 9] == b"JFIF\x00"
            if not (colours or frame or marker == _APP14):
                continue
        yield content[start:end]


def _segments(content: bytes) -> Iterator[tuple[int, int, int]]:
    """Marker, beginning and end of each segment; what follows the end of the picture is no part of it."""
    at = 2
    while True:
        while content[at] == 0xFF and content[at + 1] == 0xFF:
            at += 1
        if content[at] != 0xFF:
            raise IndexError("no marker where one must be")
        marker, start = content[at + 1], at
        if marker == _END:
            yield marker, start, at + 2
            return
        at += 2
        if marker not in _BARE:
            at += struct.unpack_from(">H", content, at)[0]
        if at > len(content):
            raise IndexError("a segment goes beyond the file")
        if marker == _SCAN:
            at = _next_marker(content, at)
        yield marker, start, at


def _next_marker(content: bytes, at: int) -> int:
    """Where the data of a scan end: at the first marker that is neither a stuffed byte nor a restart."""
    while True:
        at = content.find(b"\xff", at)
        if at < 0:
            raise IndexError("a scan without an end")
        if content[at + 1] and content[at + 1] not in _BARE:
            return at
        at += 2


def _png(content: bytes) -> Iterator[bytes]:
    yield content[:_SIGNATURE]
    at, last = _SIGNATURE, b""
    while last != b"IEND":
        (length,) = struct.unpack_from(">I", content, at)
        last, end = content[at + 4 : at + 8], at + 12 + length
        if end > len(content):
            raise IndexError("a chunk goes beyond the file")
        if last == b"eXIf" and (side := _orientation(content[at + 8 : end - 4])) > 1:
            data = last + _only_orientation(side)
            yield struct.pack(">I", len(data) - 4) + data + struct.pack(">I", zlib.crc32(data))
        elif last in _SHOWN:
            yield content[at:end]
        at = end


def _orientation(tiff: bytes) -> int:
    """Which side is up, 1 to 8, by the first directory of an Exif block; 1 where it does not say."""
    order = {b"II": "<", b"MM": ">"}.get(tiff[:2])
    if order is None or len(tiff) < 14:
        return 1
    (directory,) = struct.unpack_from(f"{order}I", tiff, 4)
    if directory + 2 > len(tiff):
        return 1
    (entries,) = struct.unpack_from(f"{order}H", tiff, directory)
    for place in range(directory + 2, min(directory + 2 + 12 * entries, len(tiff) - 11), 12):
        tag, kind, _, value = struct.unpack_from(f"{order}HHIH", tiff, place)
        if (tag, kind) == (_ORIENTATION, _SHORT):
            return value if 1 <= value <= 8 else 1
    return 1


def _only_orientation(side: int) -> bytes:
    """An Exif block that says which side is up, and nothing else."""
    return b"MM" + struct.pack(">HIHHHIHHI", 42, 8, 1, _ORIENTATION, _SHORT, 1, side, 0, 0)
