"""Are the static files what they should be? `python -m tests.assets` says, without a network.

It checks that every vendored file is the one that the manifest names, that every icon and class which a
template uses exists, and that app.css was built from the present source and classes. With `--build` it takes
the packages named in the manifest from npm (into a folder that is thrown away) and makes the files anew.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
TEMPLATES = ROOT / "service" / "templates"
STATIC = ROOT / "service" / "static"
MANIFEST = STATIC / "vendor" / "manifest.json"
AXE = ROOT / "tests" / "browser" / "vendor" / "manifest.json"
PAGE_BYTES = 150_000
"""What a page may weigh, gzipped, without its charts and pictures."""

ICONS = {
    "alert": "circle-alert",
    "arrow": "arrow-right",
    "bell": "bell",
    "bookmark": "bookmark",
    "building": "building-2",
    "calendar": "calendar",
    "chat": "message-circle",
    "check": "check",
    "clock": "clock",
    "close": "x",
    "copy": "copy",
    "devices": "monitor-smartphone",
    "down": "chevron-down",
    "download": "download",
    "edit": "pencil",
    "external": "external-link",
    "eye": "eye",
    "file": "file-text",
    "flag": "flag",
    "globe": "globe",
    "goods": "package",
    "handshake": "handshake",
    "heart": "heart-handshake",
    "inbox": "inbox",
    "info": "info",
    "key": "key-round",
    "left": "chevron-left",
    "link": "link",
    "mail": "mail",
    "menu": "menu",
    "money": "coins",
    "moon": "moon",
    "move": "move",
    "pin": "pin",
    "paperclip": "paperclip",
    "place": "map-pin",
    "plus": "plus",
    "print": "printer",
    "refresh": "refresh-cw",
    "right": "chevron-right",
    "search": "search",
    "seedling": "sprout",
    "send": "send",
    "settings": "settings",
    "shield": "shield-check",
    "sliders": "sliders-horizontal",
    "star": "star",
    "table": "table-2",
    "trash": "trash-2",
    "up": "chevron-up",
    "upload": "upload",
    "users": "users",
    "verified": "badge-check",
}
"""Our name of each drawing, and Lucide's."""

STATES = re.compile(r"htmx-|field-wrong$|[a-z-]+-$")
"""Classes that need no rule of their own."""


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def templates() -> list[Path]:
    """Every page of the service; mails and the printed report have no style sheet of ours."""
    return sorted(path for path in TEMPLATES.rglob("*.html") if path.parent.name not in ("results", "mail"))


def _jinja_words(text: str) -> str:
    """The class names that a piece of a class attribute may come to, expressions replaced by their words."""
    compared = re.compile(r"(?:[=!]= *|\()['\"][^'\"]*['\"]")
    quoted = re.compile(r"['\"]([^'\"]*)['\"]")
    return re.sub(
        r"\{[{%].*?[%}]\}",
        lambda found: " ".join(quoted.findall(compared.sub("", found[0]))),
        text,
        flags=re.S,
    )


def used_classes() -> set[str]:
    """Every class that stands in a template's class attribute."""
    found: set[str] = set()
    for path in templates():
        text = re.sub(r"\{#.*?#\}", "", path.read_text(encoding="utf-8"), flags=re.S)
        for attribute in re.findall(r'(?<![\w-])class="((?:\{\{.*?\}\}|\{%.*?%\}|[^"])*)"', text, flags=re.S):
            found.update(_jinja_words(attribute).split())
    return {name for name in found if re.fullmatch(r"!?-?[a-z][\w:./\[\]%-]*", name)}


def used_icons() -> dict[str, str]:
    """Every drawing that a template asks for by name, and one template that does."""
    found = {}
    for path in templates():
        text = path.read_text(encoding="utf-8")
        for name in re.findall(r'\bicon\(["\']([\w-]+)["\']', text):
            found[name] = path.name
    return found


def css_classes(css: str) -> set[str]:
    """Every class that a style sheet has a rule for."""
    return {re.sub(r"\\(.)", r"\1", name) for name in re.findall(r"\.((?:\\.|[\w-])+)", css)}


def inputs_digest() -> str:
    """What app.css is made from: its sources and the classes in use."""
    source = b"".join(path.read_bytes() for path in sorted((STATIC / "src").glob("*.css")))
    return _digest(source + "\n".join(sorted(used_classes())).encode())


def problems() -> list[str]:
    """All that is wrong with the static files, in words."""
    found = []
    for manifest_path in (MANIFEST, AXE):
        manifest = json.loads(manifest_path.read_text(encoding="utf-8"))
        for entry in manifest["files"]:
            path = manifest_path.parent / entry["file"]
            if not path.is_file() or _digest(path.read_bytes()) != entry["sha256"]:
                found.append(f"{path.relative_to(ROOT)} is not the file that the manifest names.")
        listed = {entry["file"] for entry in manifest["files"]} | {"manifest.json"}
        found += [
            f"{path.relative_to(ROOT)} is in no manifest."
            for path in sorted(manifest_path.parent.iterdir())
            if path.name not in listed
        ]
    built = json.loads(MANIFEST.read_text(encoding="utf-8"))["built"]
    css = (STATIC / "app.css").read_text(encoding="utf-8")
    known = css_classes(css)
    missing = sorted(name for name in used_classes() if name not in known and not STATES.match(name))
    if missing:
        found.append(
            f"No rule in app.css for the classes: {' '.join(missing)}. Build it again, or mend the name."
        )
    elif built["app.css"]["inputs"] != inputs_digest():
        found.append("app.css was built from other inputs: python -m tests.assets --build")
    sprite = (STATIC / "icons.svg").read_text(encoding="utf-8")
    found += [
        f"{template} asks for the icon {name!r}, which icons.svg lacks."
        for name, template in used_icons().items()
        if f'id="{name}"' not in sprite
    ]
    if (weight := page_weight()) > PAGE_BYTES:
        found.append(
            f"A page's own files weigh {weight:,} bytes gzipped; at most {PAGE_BYTES:,} are allowed."
        )
    return found


def page_weight() -> int:
    """What a first visit loads beside the page itself, gzipped: style, scripts, icons, fonts."""
    names = ["app.css", "qiao.js", "icons.svg", "logo.svg", "vendor/htmx.min.js"]
    packed = sum(len(gzip.compress((STATIC / name).read_bytes())) for name in names)
    return packed + sum(path.stat().st_size for path in (STATIC / "vendor").glob("*.woff2"))


def _run(folder: Path, *command: str) -> None:
    subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)


def _sprite(folder: Path) -> str:
    symbols = []
    for ours, theirs in sorted(ICONS.items()):
        drawing = (folder / "node_modules/lucide-static/icons" / f"{theirs}.svg").read_text(encoding="utf-8")
        _, _, rest = drawing.partition("<svg")
        inside = " ".join(rest.partition(">")[2].rpartition("</svg>")[0].split())
        symbols.append(f'<symbol id="{ours}" viewBox="0 0 24 24">{inside}</symbol>')
    symbols.append((STATIC / "src" / "bridge.svg").read_text(encoding="utf-8").strip())
    return '<svg xmlns="http://www.w3.org/2000/svg">\n' + "\n".join(symbols) + "\n</svg>\n"


def build() -> None:
    """Make the style sheet and the icons, and take the vendored files, from the packages that are named."""
    manifest = json.loads(MANIFEST.read_text(encoding="utf-8"))
    axe = json.loads(AXE.read_text(encoding="utf-8"))
    packages = {entry["package"]: entry for entry in [*manifest["packages"], *axe["packages"]]}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "package.json").write_text('{"private": true}', encoding="ascii")
        wanted = [f"{package}@{entry['version']}" for package, entry in packages.items()]
        _run(folder, "npm", "install", "--ignore-scripts", "--no-audit", "--no-fund", *wanted)
        for path in (STATIC / "src").glob("*.css"):
            source = path.read_text(encoding="utf-8").replace("../../templates", str(TEMPLATES))
            (folder / path.name).write_text(source, encoding="utf-8")
        _run(folder, "npx", "@tailwindcss/cli", "-i", "app.css", "-o", str(STATIC / "app.css"), "--minify")
        (STATIC / "icons.svg").write_text(_sprite(folder), encoding="utf-8")
        for place, listed in ((MANIFEST, manifest), (AXE, axe)):
            _take(folder, place, listed)
    manifest["built"] = {
        "app.css": {"inputs": inputs_digest(), "from": "src/*.css, tailwindcss, daisyui"},
        "icons.svg": {"from": "lucide-static, src/bridge.svg"},
    }
    for place, listed in ((MANIFEST, manifest), (AXE, axe)):
        place.write_text(json.dumps(listed, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def _take(folder: Path, place: Path, manifest: dict[str, Any]) -> None:
    for entry in manifest["files"]:
        target = place.parent / entry["file"]
        shutil.copyfile(folder / "node_modules" / entry["package"] / entry["path"], target)
        entry["sha256"] = _digest(target.read_bytes())


def main() -> int:
    """Say what is wrong; build first when asked to."""
    if "--build" in sys.argv[1:]:
        build()
    found = problems()
    for problem in found:
        sys.stderr.write(f"{problem}\n")
    if not found:
        sys.stdout.write(
            f"Static files are as they should be; {page_weight():,} bytes gzipped beside a page.\n"
        )
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
