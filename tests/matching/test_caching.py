"""The cache folder and the store of vectors: several processes, damage, places that cannot be written."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from matching.caching import VectorStore, cache_directory

VECTOR = np.array([0.6, -0.8], np.float32)


def test_cache_directory_follows_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("QIAO_CACHE_DIR", str(tmp_path / "here"))
    assert cache_directory() == tmp_path / "here"
    monkeypatch.setenv("QIAO_CACHE_DIR", "~/there")
    assert cache_directory() == Path.home() / "there"
    monkeypatch.delenv("QIAO_CACHE_DIR")
    assert cache_directory().name == "qiao"


def test_store_gives_back_what_it_was_given(tmp_path: Path) -> None:
    store = VectorStore(tmp_path / "deep" / "vectors.sqlite3")
    assert store.read([b"a"]) == {}
    store.write({b"a": VECTOR})
    store.write({b"a": -VECTOR, b"b": -VECTOR})
    found = VectorStore(store.path).read([b"a", b"b", b"c"])
    assert {key: vector.tolist() for key, vector in found.items()} == {
        b"a": VECTOR.tolist(),
        b"b": (-VECTOR).tolist(),
    }


@pytest.mark.parametrize("damage", [b"not a database at all" * 100, b"SQLite format 3\0" + b"\xff" * 4080])
def test_a_damaged_file_is_put_aside_and_begun_anew(tmp_path: Path, damage: bytes) -> None:
    path = tmp_path / "vectors.sqlite3"
    path.write_bytes(damage)
    store = VectorStore(path)
    assert store.read([b"a"]) == {}
    store.write({b"a": VECTOR})
    assert store.read([b"a"])[b"a"].tolist() == VECTOR.tolist()
    assert path.with_name("vectors.sqlite3.damaged").read_bytes() == damage


def test_a_file_torn_in_the_middle_never_gives_wrong_vectors(tmp_path: Path) -> None:
    store = VectorStore(tmp_path / "vectors.sqlite3")
    vectors = {bytes([number]): np.full(512, number, np.float32) for number in range(200)}
    store.write(vectors)
    whole = store.path.read_bytes()
    for wal in tmp_path.glob("*-wal"):
        wal.unlink()
    store.path.write_bytes(whole[: len(whole) // 2])
    for key, vector in store.read(list(vectors)).items():
        assert np.array_equal(vector, vectors[key])
    store.write(vectors)
    assert len(store.read(list(vectors))) == 200


def test_a_place_that_cannot_be_written_keeps_nothing_and_raises_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    store = VectorStore(tmp_path / "file" / "vectors.sqlite3")
    store.write({b"a": VECTOR})
    assert store.read([b"a"]) == {}


def test_damage_that_cannot_be_mended_finds_nothing(tmp_path: Path) -> None:
    path = tmp_path / "vectors.sqlite3"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE vectors (something TEXT)")
    connection.close()
    store = VectorStore(path)
    store.write({b"a": VECTOR})
    assert store.read([b"a"]) == {}


def test_two_processes_write_at_once(tmp_path: Path) -> None:
    path = tmp_path / "vectors.sqlite3"
    code = (
        "import sys, pathlib, numpy as np\n"
        "from matching.caching import VectorStore\n"
        f"store = VectorStore(pathlib.Path({str(path)!r}))\n"
        "for number in range(40):\n"
        "    key = f'{sys.argv[1]}{number}'.encode()\n"
        "    store.write({key: np.full(8, number, np.float32), b'both': np.ones(8, np.float32)})\n"
        "    assert store.read([key])[key][0] == number\n"
    )
    running = [
        subprocess.Popen([sys.executable, "-c", code, name], env={"PYTHONPATH": "."}) for name in ("a", "b")
    ]
    assert [process.wait() for process in running] == [0, 0]
    keys = [f"{name}{number}".encode() for name in "ab" for number in range(40)]
    assert len(VectorStore(path).read([*keys, b"both"])) == 81
