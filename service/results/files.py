"""Writes a match run into a folder: pairings.xlsx, pairings.json, certificate.json and report.html."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from matching.errors import UnreadableFile
from matching.messages import Message
from service.results.records import certificate_record, record
from service.results.report import report
from service.results.workbook import write_workbook

if TYPE_CHECKING:
    from pathlib import Path

    from matching.outcome import Matching
    from service.results.sources import Source


def write_files(matching: Matching, source: Source, folder: Path, language: str) -> Message:
    """Write the four files into `folder`, made if need be; says where they are.

    Raises UnreadableFile where the folder cannot be written to.
    """
    title = source.title(language)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_workbook(matching, folder / "pairings.xlsx", title, language)
        found = {"source": source.name, "title": title, **record(matching, language)}
        _write_json(folder / "pairings.json", found)
        _write_json(folder / "certificate.json", certificate_record(matching, language))
        (folder / "report.html").write_text(
            report(matching, source, language), encoding="utf-8", newline="\n"
        )
    except OSError as error:
        raise UnreadableFile(
            Message(
                "cannot-write",
                "{folder} cannot be written to: {reason}. Choose another folder.",
                folder=str(folder),
                reason=error.strerror or type(error).__name__,
            )
        ) from error
    return Message(
        "written-files",
        "Written to {folder}: pairings.xlsx, pairings.json, certificate.json, report.html",
        folder=str(folder),
    )


def _write_json(path: Path, found: dict[str, object]) -> None:
    path.write_text(json.dumps(found, ensure_ascii=False, indent=2) + "\n", encoding="utf-8", newline="\n")
