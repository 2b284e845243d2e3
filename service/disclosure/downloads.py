"""Open data as an answer: the file is sent while it is written."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi.responses import StreamingResponse

from service.disclosure import register
from service.disclosure.exports import KINDS, export, filename
from service.disclosure.models import LICENCE
from service.web import client_address, limit, site_of

if TYPE_CHECKING:
    from fastapi import Request

    from service.disclosure.exports import Format
    from service.disclosure.models import Wanted

RATE = "30/minute"
"""How often one address may fetch everything."""


def download(request: Request, format_: Format, wanted: Wanted) -> StreamingResponse:
    """The file; what is wrong with the question is said before it begins."""
    limit(request, RATE, "export", client_address(request))
    register.chosen(wanted)
    site = site_of(request)
    return StreamingResponse(
        export(site.engine, format_, site.settings.public_url, wanted),
        media_type=KINDS[format_].media_type,
        headers={
            "Content-Disposition": f'attachment; filename="{filename(format_)}"',
            "Link": f'<{LICENCE}>; rel="license"',
        },
    )
