from __future__ import annotations

import sqlite3

from hypothesis import given
from hypothesis import strategies as st

from foveal.tools.index.fuse import fold, fts_query, phrases, query_terms, reciprocal_rank_fusion, title_head

RANKED = st.lists(st.lists(st.integers(0, 30), unique=True, max_size=20), min_size=1, max_size=4)


@given(RANKED)
def test_fusion_is_the_sum_of_reciprocal_ranks(lists: list[list[int]]) -> None:
    fused = dict(reciprocal_rank_fusion(lists))
    assert set(fused) == {key for ranked in lists for key in ranked}
    for key, score in fused.items():
        assert abs(score - sum(1 / (61 + ranked.index(key)) for ranked in lists if key in ranked)) < 1e-12


@given(RANKED)
def test_fusion_is_sorted_and_what_leads_every_list_leads(lists: list[list[int]]) -> None:
    fused = reciprocal_rank_fusion(lists)
    assert [score for _, score in fused] == sorted((score for _, score in fused), reverse=True)
    leaders = {ranked[0] if ranked else None for ranked in lists}
    if len(leaders) == 1 and None not in leaders:
        assert fused[0][0] == lists[0][0]


@given(st.text(max_size=200))
def test_any_query_is_a_valid_expression(query: str) -> None:
    match = fts_query(query)
    if match:
        db = sqlite3.connect(":memory:")
        db.execute('CREATE VIRTUAL TABLE t USING fts5 (a, tokenize = "porter unicode61 remove_diacritics 2")')
        db.execute("SELECT * FROM t WHERE t MATCH ?", (match,)).fetchall()
        db.close()


def test_stop_words_go_unless_nothing_remains() -> None:
    assert query_terms("What is the capital of Curaçao?") == ["capital", "curacao"]
    assert query_terms("who is it") == ["who", "is", "it"]


def test_a_title_head_is_the_name_in_it() -> None:
    assert title_head("Angola - Geography (World Factbook)") == "angola"
    assert title_head("Garnet (mineral)") == "garnet"
    assert title_head("(untitled)") == fold("(untitled)")


def test_phrases_are_longest_first() -> None:
    assert phrases("In New York City")[0] == "in new york city"
    assert "new york" in phrases("In New York City")
    assert "in" not in phrases("In New York City")
