"""Photos tell nothing but what they show; what they show, and which side is up, stays as it was."""

from __future__ import annotations

import struct
import zlib
from io import BytesIO

import pytest
from PIL import Image, ImageOps, PngImagePlugin

from service.errors import BadInput
from service.organizations.photos import without_traces

GPS, OWNER, SIDE = 0x8825, 0x013B, 0x0112
TOLD = "Zhang San"


def taken(form: str, side: int = 6, mode: str = "RGB") -> bytes:
    """A photo of 16 by 8 points as telephones make them: place, owner, remark, profile of colours."""
    picture = Image.new(mode, (16, 8), "white")
    picture.paste("black", (0, 0, 5, 3))
    exif = Image.Exif()
    exif[OWNER], exif[SIDE] = TOLD, side
    exif[GPS] = {1: "N", 2: (31.0, 14.0, 9.0), 3: "E", 4: (121.0, 28.0, 1.0), 29: TOLD}
    more: dict[str, object] = {"comment": TOLD} if form == "JPEG" else {}
    if form == "PNG":
        info = PngImagePlugin.PngInfo()
        info.add_itxt("Author", TOLD)
        info.add_text("Comment", TOLD, zip=True)
        more["pnginfo"] = info
    out = BytesIO()
    picture.save(out, form, exif=exif, icc_profile=b"a profile of colours", **more)
    return out.getvalue()


@pytest.mark.parametrize(("form", "mode"), [("JPEG", "RGB"), ("JPEG", "CMYK"), ("PNG", "RGB")])
@pytest.mark.parametrize("side", [1, 6])
def test_nothing_but_the_picture_is_left(form: str, mode: str, side: int) -> None:
    before = taken(form, side, mode)
    assert Image.open(BytesIO(before)).getexif().get_ifd(GPS), "there is something to take out"
    after = without_traces(before + b"\xff\xe1a film, " + TOLD.encode(), f"image/{form.lower()}")
    assert TOLD.encode() not in after
    picture = Image.open(BytesIO(after))
    assert dict(picture.getexif()) == ({SIDE: 6} if side == 6 else {})
    assert picture.info.get("icc_profile") == b"a profile of colours"
    assert "comment" not in picture.info
    shown = ImageOps.exif_transpose(picture)
    assert shown.size == ((8, 16) if side == 6 else (16, 8))
    assert shown.tobytes() == ImageOps.exif_transpose(Image.open(BytesIO(before))).tobytes()
    assert without_traces(after, f"image/{form.lower()}") == after


def test_progressive_photo_with_restarts_stays_whole() -> None:
    out = BytesIO()
    noise = Image.effect_noise((64, 64), 90)
    noise.save(out, "JPEG", progressive=True, restart_marker_blocks=2)
    after = without_traces(out.getvalue(), "image/jpeg")
    assert Image.open(BytesIO(after)).tobytes() == Image.open(out).tobytes()


def test_damaged_photo_is_refused() -> None:
    whole = {form: taken(form) for form in ("JPEG", "PNG")}
    chunk = b"IDAT" + b"x"
    endless = whole["PNG"][:33] + struct.pack(">I", 2**31) + chunk + struct.pack(">I", zlib.crc32(chunk))
    for content, kind in (
        (whole["JPEG"][: len(whole["JPEG"]) // 2], "image/jpeg"),
        (b"\xff\xd8\xff\xe0\xff\xff", "image/jpeg"),
        (b"\xff\xd8no segment", "image/jpeg"),
        (whole["PNG"][:-20], "image/png"),
        (endless, "image/png"),
    ):
        with pytest.raises(BadInput) as refused:
            without_traces(content, kind)
        assert [problem.message.code for problem in refused.value.problems] == ["photo-damaged"]
