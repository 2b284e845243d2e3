"""An address as a QR code, drawn into the page."""

from __future__ import annotations

from markupsafe import Markup


def qr_svg(address: str) -> Markup:
    """The code as an SVG in the colour of the text around it; it says nothing to screen readers."""
    import segno

    code = segno.make(address, error="m", micro=False)
    # segno escapes what it writes, and the address itself is not in the drawing.
    drawn = code.svg_inline(border=2, svgclass="qr", lineclass=None, omitsize=True)
    return Markup(drawn.replace("<svg ", '<svg aria-hidden="true" focusable="false" ', 1))  # noqa: S704
