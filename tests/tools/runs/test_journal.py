from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from foveal.tools.runs import codec
from foveal.tools.runs.journal import CallRecord, Entry, Journal, request_key, same_words, usage_of
from foveal.types import ImageHit, Region, TextHit


def call(**changes: object) -> CallRecord:
    return CallRecord(0, "tool", "collection", "s1", "ok", 1.0, 0.5, **changes)  # type: ignore[arg-type]


@given(st.lists(st.sampled_from(["Ida", "capital", "of", "the"]), min_size=1), st.randoms())
def test_behaviour_9_case_punctuation_and_order_make_no_other_query(words: list[str], chance: object) -> None:
    mixed = [w.upper() if n % 2 else w for n, w in enumerate(words)]
    chance.shuffle(mixed)  # type: ignore[attr-defined]
    assert same_words(" ".join(words)) == same_words("; ".join(mixed) + "?")
    assert same_words(" ".join([*words, "area"])) != same_words(" ".join(words))


def test_a_key_tells_every_part_of_a_request() -> None:
    keys = {
        request_key(kind, name, request)
        for kind in ("model", "tool")
        for name in ("a", "b")
        for request in ({"q": "x"}, {"q": "y"}, {"q": "x", "k": 1}, {"q": "\udcff"})
    }
    assert len(keys) == 16
    assert request_key("tool", "a", {"x": (1,), "y": 2}) == request_key("tool", "a", {"y": 2, "x": [1]})


def test_a_resumed_journal_gives_back_without_a_second_record_and_marks_what_is_asked_again() -> None:
    kept: list[Entry] = []
    first = Journal(keep=kept.append)
    first.add(call(), "k", "[]")
    first.add(call(), "other", "[]")
    resumed = Journal(list(kept), kept.append)
    assert resumed.give_back("k", step="s1", at=3.0) is not None
    assert len(resumed.records) == 2, "the same call as before the interruption"
    assert resumed.give_back("k", step="s2", at=4.0) is not None
    assert [(r.seq, r.step, r.cached) for r in resumed.records[2:]] == [(3, "s2", True)]
    assert usage_of(resumed.records).tool_calls == {"collection": 2}
    assert usage_of(resumed.records).cached == 1
    assert [e.record.seq for e in kept] == [1, 2, 3]


def test_only_replies_of_calls_that_succeeded_are_given_back() -> None:
    journal = Journal()
    journal.add(CallRecord(0, "tool", "web", "s1", "timeout", 0.0, 1.0), "k")
    assert journal.give_back("k", step="s1", at=1.0) is None


@given(
    st.lists(
        st.builds(
            TextHit,
            doc_id=st.text(),
            title=st.text(),
            text=st.text(),
            part=st.sampled_from(["text", "ocr"]),
            start=st.integers(0),
            end=st.integers(0),
            score=st.floats(allow_nan=False, allow_infinity=False),
        )
        | st.builds(
            ImageHit,
            doc_id=st.text(),
            title=st.text(),
            text=st.text(),
            image=st.text(),
            score=st.floats(0, 1),
            margin=st.floats(0, 1),
            meta=st.dictionaries(st.text(), st.integers() | st.text()),
            region=st.none() | st.just(Region(0, 1, 2, 3)),
        ),
        max_size=4,
    )
)
def test_what_a_tool_found_comes_back_exactly(items: list[object]) -> None:
    assert list(codec.load_items(codec.dump_items(items))) == items
