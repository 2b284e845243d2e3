"""How well the matcher finds what fits, as tables and as JSON, each figure beside its baselines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich import box
from rich.table import Table
from rich.text import Text

from matching.messages import Message
from service.i18n import catalogue, number_text
from service.results.words import text_width
from service.wording import say

if TYPE_CHECKING:
    from rich.console import Console

    from matching.evaluation import Evaluation, Retrieval

METHODS = {
    "listing": Message("method-listing", "Qiao"),
    "qiao": Message("method-text", "Qiao, texts alone"),
    "meaning": Message("method-meaning", "Meaning alone"),
    "tf-idf": Message("method-tf-idf", "TF-IDF"),
    "bm25": Message("method-bm25", "BM25"),
}
BESIDE = {**METHODS, "qiao": Message("method-text-short", "Texts")}
del BESIDE["meaning"]
"""The methods that stand side by side for each pair of languages, with their short names."""
_PAIR = len("zh-Hans → zh-Hant")
_WIDE = 110
_ACCENT = "cyan"


def evaluation_record(evaluation: Evaluation) -> dict[str, Any]:
    """The whole evaluation as one JSON object."""
    pairs = evaluation.pairs["qiao"]
    return {
        "split": evaluation.split,
        "mixed": {method: _figures(found) for method, found in evaluation.mixed.items()},
        "pairs": [
            {
                "need_language": ours,
                "offer_language": theirs,
                "methods": {
                    method: _figures(found[ours, theirs]) for method, found in evaluation.pairs.items()
                },
            }
            for ours, theirs in pairs
        ],
    }


def _figures(found: Retrieval) -> dict[str, Any]:
    return {
        **{f"recall@{depth}": share for depth, share in found.recall.items()},
        "mrr": found.mrr,
        "ndcg@10": found.ndcg,
        "queries": found.queries,
        "recall@1_low": found.low,
        "recall@1_high": found.high,
    }


def print_evaluation(console: Console, evaluation: Evaluation, language: str) -> None:
    """Print all methods over the mixed pool, then each pair of languages; recall in per cent."""
    _ = catalogue(language).gettext
    mixed = _table(_("All languages mixed, recall in per cent"))
    mixed.add_column(_("Method"), ratio=1, overflow="fold")
    for heading in ("@1", "95 %", "@5", "@20", "MRR", "nDCG@10"):
        mixed.add_column(heading, justify="right", no_wrap=True)
    for method, found in evaluation.mixed.items():
        interval = f"{_share(found.low, language)}–{_share(found.high, language)}"
        recall = [_share(found.recall[depth], language) for depth in (1, 5, 20)]
        mixed.add_row(
            Text(say(METHODS[method], language), style="bold" if method == "listing" else ""),
            *(recall[0], interval, *recall[1:]),
            _mean(found.mrr, language),
            _mean(found.ndcg, language),
        )
    console.print(mixed)
    console.print(_pairs(evaluation, language, wide=console.width >= _WIDE))
    weakest, recall_of_it = evaluation.weakest("listing")
    message = Message(
        "weakest-pair",
        "Weakest pair of two languages: {need} → {offer}, {share} %. Mean over such pairs: {mean} %.",
        need=weakest[0],
        offer=weakest[1],
        share=round(100 * recall_of_it, 1),
        mean=round(100 * evaluation.across("listing"), 1),
    )
    console.print(Text(say(message, language)))


def _pairs(evaluation: Evaluation, language: str, *, wide: bool) -> Table:
    _ = catalogue(language).gettext
    table = _table(_("Each pair of languages, recall in per cent"))
    table.add_column(_("Need → offer"), min_width=_PAIR, overflow="fold")
    for method, name in BESIDE.items():
        heading = say(name, language)
        for figure in _shown(method, wide=wide):
            least = max(4 if figure == "MRR" else 3, text_width(heading))
            table.add_column(f"{heading}\n{figure}", justify="right", no_wrap=True, min_width=least)
            heading = ""
    for ours, theirs in evaluation.pairs["qiao"]:
        cells = []
        for method in BESIDE:
            found = evaluation.pairs[method][ours, theirs]
            figures = {
                **{f"@{depth}": _share(share, language) for depth, share in found.recall.items()},
                "MRR": _mean(found.mrr, language),
            }
            cells += [figures[figure] for figure in _shown(method, wide=wide)]
        table.add_row(f"{ours} → {theirs}", *cells)
    return table


def _shown(method: str, *, wide: bool) -> tuple[str, ...]:
    return ("@1", "@5", "@20", "MRR") if wide or method == "listing" else ("@1", "MRR")


def _table(title: str) -> Table:
    return Table(
        title=title,
        title_justify="left",
        title_style="bold",
        box=box.SIMPLE_HEAD,
        header_style=f"bold {_ACCENT}",
        padding=(0, 1, 0, 0),
    )


def _share(share: float, language: str) -> str:
    return number_text(round(100 * share, 1) if share not in (0, 1) else 100 * int(share), language)


def _mean(value: float, language: str) -> str:
    return number_text(round(value, 2), language)
