"""Files that are handed in: what they are by their content, and where they are kept.

The name and the type that a browser gives are not believed. A file lies under the SHA-256 of its content,
so the same file is kept once and a name can never lead out of the folder.
"""

from __future__ import annotations

import hashlib
import os
import zipfile
from collections.abc import Callable
from io import BytesIO
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from matching.messages import Message
from service.errors import BadInput, TooLarge

if TYPE_CHECKING:
    from typing import BinaryIO

    from sqlmodel import Session

FOLDER = "evidence"
DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
ENDINGS = {"application/pdf": ".pdf", "image/png": ".png", "image/jpeg": ".jpg", DOCX: ".docx"}
MOST_PARTS = 2000
"""The most entries of a .docx that are looked at; none is ever unpacked."""

Holder = Callable[["Session", str], bool]
HOLDERS: list[Holder] = []
"""Who else may refer to a content, by its SHA-256; `worker.py` puts it here."""


def media_type(content: bytes) -> str | None:
    """What a file is by its content: PDF, PNG, JPEG or DOCX; None for anything else."""
    if content.startswith(b"%PDF-") and b"%%EOF" in content[-2048:]:
        return "application/pdf"
    if content.startswith(b"\x89PNG\r\n\x1a\n") and content[12:16] == b"IHDR":
        return "image/png"
    if content.startswith(b"\xff\xd8\xff") and b"\xff\xd9" in content[-64:]:
        return "image/jpeg"
    if content.startswith(b"PK\x03\x04") and _is_docx(content):
        return DOCX
    return None


def _is_docx(content: bytes) -> bool:
    try:
        names = zipfile.ZipFile(BytesIO(content)).namelist()
    except (zipfile.BadZipFile, ValueError, NotImplementedError):
        return False
    macros = any(name.lower().endswith("vbaproject.bin") for name in names)
    return (
        len(names) <= MOST_PARTS and {"[Content_Types].xml", "word/document.xml"} <= set(names) and not macros
    )


def read(file: BinaryIO, most: int) -> bytes:
    """The content of an upload. Raises TooLarge beyond `most` bytes, without reading on."""
    content = file.read(most + 1)
    if len(content) > most:
        raise TooLarge(
            Message(
                "file-too-large",
                "This file is larger than {megabytes} MB. Make it smaller, or hand it in as two.",
                megabytes=round(most / 1_000_000, 1),
            )
        )
    return content


def recognise(content: bytes) -> str:
    """The media type of a file that is taken. Raises BadInput on `file` for all others."""
    if not content:
        raise BadInput.one("file", Message("file-empty", "Choose a file that is not empty."))
    found = media_type(content)
    if found is None:
        raise BadInput.one(
            "file",
            Message(
                "file-type", "Only PDF, PNG, JPEG and Word (.docx) files are taken; this is none of them."
            ),
        )
    return found


def shown_name(filename: str, kind: str) -> str:
    """A name to store the file under again: no folders, no control characters, the ending of its type."""
    last = PurePosixPath(filename.replace("\\", "/")).name
    plain = "".join(character for character in last if character.isprintable() and character not in '"*:<>?|')
    stem = PurePosixPath(plain).stem.strip(". ")[:150] or "file"
    return stem + ENDINGS[kind]


def keep(data_dir: Path, content: bytes) -> str:
    """Keep the content; its SHA-256. Written in full before its name appears, and only once."""
    digest = hashlib.sha256(content).hexdigest()
    path = path_of(data_dir, digest)
    if path.exists():
        return digest
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f"{path.name}.{os.getpid()}.{os.urandom(4).hex()}")
    unfinished.write_bytes(content)
    unfinished.replace(path)
    return digest


def path_of(data_dir: Path, digest: str) -> Path:
    """Where a content lies."""
    return data_dir / FOLDER / digest[:2] / digest
