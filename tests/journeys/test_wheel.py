"""The built wheel holds all that is needed, data, pages and catalogues included."""

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The wheel unpacked outside the checkout, as an installer would."""
    folder = tmp_path_factory.mktemp("wheel")
    build = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "-q",
        "--no-deps",
        "--no-build-isolation",
        "-w",
        folder,
        ROOT,
    ]
    subprocess.run(build, check=True, capture_output=True)
    (wheel,) = folder.glob("qiao_partnerships-*.whl")
    with zipfile.ZipFile(wheel) as file:
        file.extractall(folder / "site")
    return folder / "site"


def run(site, *arguments):
    return subprocess.run(
        [sys.executable, *arguments],
        check=True,
        capture_output=True,
        cwd=site.parent,
        env=os.environ | {"PYTHONPATH": str(site)},
    ).stdout.decode()


def test_wheel_brings_its_own_data(installed):
    where = run(installed, "-c", "import matching.resources as r; print(r.data_path('scenarios'))")
    assert Path(where.strip()).is_relative_to(installed)


def test_wheel_matches_a_scenario_in_another_language(installed):
    result = json.loads(run(installed, "-m", "service", "match", "liaocheng", "--json", "--lang", "es"))
    assert len(result["pairings"]) > 20
    assert result["unmatched"][0]["reason"]


def test_wheel_holds_catalogues_templates_and_licence(installed):
    names = {path.relative_to(installed).as_posix() for path in installed.rglob("*")}
    assert "service/locale/ru/LC_MESSAGES/qiao.mo" in names
    assert "service/templates/results/report.html" in names
    assert any(name.endswith("licenses/LICENSE") for name in names)
