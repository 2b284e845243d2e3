import numpy as np
import pytest

from matching.evaluation import _bm25, _interval, _retrieval, _tf_idf, evaluate, load_benchmark
from matching.text import LANGUAGES


@pytest.fixture(scope="module")
def held_in():
    return evaluate("held-in")


def test_benchmark_has_every_offer_in_the_pool():
    benchmark = load_benchmark("held-in")
    assert len(benchmark.offers) == 300
    assert benchmark.grades.shape == (100, 300)
    assert ((benchmark.grades == 2).sum(axis=1) == 5).all()
    assert set(benchmark.need_languages) == set(LANGUAGES)


def test_splits_share_no_need():
    ours, theirs = load_benchmark("held-in"), load_benchmark("held-out")
    assert not {need.id for need in ours.needs} & {need.id for need in theirs.needs}
    assert not set(ours.intents) & set(theirs.intents)


def test_meaning_finds_what_words_do_not(held_in):
    assert held_in.mixed["qiao"].recall[1] > 0.9
    assert held_in.across("qiao") > 0.8
    assert held_in.across("listing") > held_in.across("qiao")
    for baseline in ("tf-idf", "bm25"):
        assert held_in.across(baseline) < 0.5
    (ours, theirs), least = held_in.weakest("qiao")
    assert ours != theirs
    assert least == min(r.recall[1] for (a, b), r in held_in.pairs["qiao"].items() if a != b)


def test_every_pair_of_languages_is_measured(held_in):
    assert set(held_in.pairs["qiao"]) == {(a, b) for a in LANGUAGES for b in LANGUAGES}
    for found in held_in.pairs["qiao"].values():
        assert found.queries == 20
        assert found.recall[1] <= found.recall[5] <= found.recall[20] <= 1
        assert found.recall[1] <= found.mrr <= 1
        assert found.low <= found.recall[1] <= found.high


def test_perfect_ranking_scores_one_and_the_worst_its_depth():
    benchmark = load_benchmark("held-in")
    everything = np.arange(100), np.arange(300)
    best = _retrieval(benchmark, benchmark.grades.astype(float), *everything)
    assert (best.recall[1], best.mrr, best.ndcg) == (1, 1, 1)
    worst = _retrieval(benchmark, -benchmark.grades.astype(float), *everything)
    assert worst.recall[20] == 0
    assert worst.mrr < 0.01


def test_interval_resamples_whole_intents():
    hits = np.array([1.0] * 10 + [0.0] * 10)
    low, high = _interval(hits, ["a"] * 10 + ["b"] * 10)
    assert (low, high) == (0, 1), "two intents say little, however many texts they have"


@pytest.mark.parametrize("method", [_bm25, _tf_idf])
def test_baselines_rank_shared_words_first(method):
    table = method(["clean water for the village"], ["a truck of sand", "water pumps for a village"])
    assert table[0, 1] > table[0, 0]
