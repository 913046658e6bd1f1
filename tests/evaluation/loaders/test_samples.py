"""Every data set: its sample is known by its fields, its good rows are read, its broken row is named."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from evaluation.loaders.samples import BENCHMARKS, FORMAT_OF

from foveal.errors import BadInput
from foveal.evaluation.loaders import FORMATS, Document, load
from foveal.evaluation.loaders.mmsearch_plus import unveiled
from foveal.evaluation.questions import Question

COUNTS = {  # sample: questions, documents, bad rows
    "chartqa": (3, 0, 1), "dyn_vqa": (5, 0, 1), "hotpotqa": (2, 3, 1), "infoseek": (2, 2, 1), "inquire": (2, 1, 1),
    "inquire_rerank": (1, 2, 1), "m_longdoc": (2, 1, 1), "mmdocir": (2, 2, 1), "mmlongbench_doc": (3, 2, 1),
    "mmsearch": (4, 10, 1), "mmsearch_plus": (2, 0, 1), "mrag_bench": (2, 4, 2), "mramg": (2, 3, 1),
    "multimodalqa": (2, 4, 1), "musique": (2, 3, 1), "own": (2, 2, 2), "simpleqa": (2, 0, 1), "spiqa": (3, 6, 1),
    "visdom": (2, 1, 1), "visual_haystacks": (2, 2, 1), "webqa": (2, 4, 1),
}  # fmt: skip


def sample(name: str, keep: Path) -> tuple[dict[str, Question], dict[str, Document], list[str]]:
    loaded = load(FORMAT_OF[name], BENCHMARKS / name, keep=keep)
    bad = [str(row) for row in loaded.bad_rows]
    return {q.id: q for q in loaded.questions}, {d.id: d for d in loaded.corpus}, bad


def test_every_format_has_a_sample() -> None:
    assert set(FORMAT_OF.values()) == set(FORMATS) and set(COUNTS) == set(FORMAT_OF)


@pytest.mark.parametrize("name", FORMAT_OF)
def test_a_sample_is_guessed_and_read_whole(name: str, tmp_path: Path) -> None:
    loaded = load("auto", BENCHMARKS / name, keep=tmp_path)
    assert loaded.format == FORMAT_OF[name]
    assert (len(loaded.questions), len(loaded.corpus), len(loaded.bad_rows)) == COUNTS[name]
    assert all(row.line and row.reason and row.file for row in loaded.bad_rows)
    for question in loaded.questions:
        assert all(Path(image).is_file() for image in question.images)
        assert question.metrics or name == "own"
        assert set(question.evidence) <= set(question.candidates) or not question.candidates
    for document in loaded.corpus:
        assert document.image is None or Path(document.image).is_file()


def test_own(tmp_path: Path) -> None:
    questions, documents, bad = sample("own", tmp_path)
    assert questions["q1"].evidence_steps == (("bridge:1",),) and questions["q1"].expected_searches == 1
    assert questions["2"].unanswerable and questions["2"].text_only and questions["2"].answers == ("nobody knows",)
    assert documents["bridge:1"].licence == "CC0" and documents["bridge:2"].image
    assert bad == [
        "questions.jsonl line 3: no `question`",
        "corpus.jsonl line 3: the picture pictures/none.png is not here",
    ]


def test_chartqa(tmp_path: Path) -> None:
    questions, _, bad = sample("chartqa", tmp_path)
    human = questions["test_human-1"]
    assert (human.answers, human.answer_type, human.category) == (("120",), "number_relaxed5", "human")
    assert questions["test_human-2"].answer_type == "yesno"
    lost = questions["test_augmented-1"]
    assert lost.references == ("not_here.png",) and not lost.images and not lost.text_only
    assert bad == ["test_human.json line 3: no `label`"]


def test_dyn_vqa_in_all_its_versions(tmp_path: Path) -> None:
    questions, _, bad = sample("dyn_vqa", tmp_path)
    assert questions["1@en.202410"].answers == ("Eva Lind", "Lind", "E. Lind")  # were lists in a list
    assert questions["2@en.202410"].answers == ("18", "18.5")  # were numbers
    assert questions["1@en.202502"].gold_query == "mayor of Holm 2025"  # golden_query
    assert questions["1@en.202410"].gold_query == "mayor of Holm"  # gloden_query
    assert questions["3@en.202410"].meta["answers_in_chinese"] is True
    assert "answers_in_chinese" not in questions["2@zh.202408"].meta
    assert questions["1@en.202410"].images and not questions["1@en.202410"].references  # found by its last name
    assert questions["2@en.202410"].references == ("https://example.org/pics/gone.jpg",)  # never fetched
    assert bad == ["DynVQA_zh/DynVQA_zh.202408.jsonl line 1: no `answer`"]


def test_hotpotqa_in_rows_and_in_columns(tmp_path: Path) -> None:
    questions, documents, bad = sample("hotpotqa", tmp_path)
    rows, columns = questions.values()
    assert [documents[doc_id].title for doc_id in rows.evidence] == ["Ada Street", "Ada Holm"]
    assert [documents[doc_id].title for doc_id in columns.evidence] == ["Ada Street", "Lund Station"]
    assert len(rows.candidates) == 3 and columns.answer_type == "yesno" and rows.category == "bridge"
    assert bad == ["hotpot_dev_distractor_v1.json line 3: no `question`"]


def test_musique(tmp_path: Path) -> None:
    questions, documents, bad = sample("musique", tmp_path)
    chain = questions["2hop__13548_13529"]
    assert [documents[hop[0]].title for hop in chain.evidence_steps] == ["Elm Mill", "Jon Berg"]
    assert chain.answers == ("Oslo", "Christiania") and chain.category == "2hop"
    cut = questions["2hop__13548_99999"]
    assert cut.unanswerable and not cut.answers and not cut.evidence
    assert bad[0].startswith("musique_full_v1.0_dev.jsonl line 3: not JSON")


def test_simpleqa(tmp_path: Path) -> None:
    questions, _, bad = sample("simpleqa", tmp_path)
    date, number = questions.values()
    assert (date.answer_type, date.category) == ("date", "Science and technology")
    assert date.meta["urls"] == ["https://example.org/a", "https://example.org/b"] and number.answer_type == "number"
    assert bad == ["simple_qa_test_set.csv line 4: no `answer`"]


def test_infoseek_is_joined(tmp_path: Path) -> None:
    questions, documents, bad = sample("infoseek", tmp_path)
    name, height = questions.values()
    assert "PRC" in name.answers and name.meta["entity_text"] == "Golden takin"
    assert documents[name.evidence[0]].text.startswith("The golden takin")
    assert name.images[0].endswith(".jpg")  # the id has no suffix
    assert height.answer_type == "number" and height.meta["ranges"] == [[45.0, 55.0]]
    assert height.references == ("oven_00000001",)
    assert bad == ["infoseek_val.jsonl line 3: no `data_id`"]


def test_infoseek_reports_bad_rows_of_joined_files(tmp_path: Path) -> None:
    for name in ("infoseek_val.jsonl", "infoseek_val_withkb.jsonl"):
        shutil.copy(BENCHMARKS / "infoseek" / name, tmp_path)
    with (tmp_path / "infoseek_val_withkb.jsonl").open("a") as opened:
        opened.write('{"entity_id": "Q7"}\n{broken\n')
    bad = [str(row) for row in load("infoseek", tmp_path).bad_rows]
    assert "infoseek_val_withkb.jsonl line 3: no `data_id`" in bad
    assert any(row.startswith("infoseek_val_withkb.jsonl line 4: not JSON") for row in bad)


def test_infoseek_joins_what_lies_beside_a_single_file(tmp_path: Path) -> None:
    loaded = load("infoseek", BENCHMARKS / "infoseek" / "infoseek_val.jsonl", keep=tmp_path)
    assert loaded.questions[0].evidence == ("Q1001",) and not loaded.corpus


def test_mmsearch_steps(tmp_path: Path) -> None:
    questions, documents, _ = sample("mmsearch", tmp_path)
    whole, rerank = questions["news_0001"], questions["news_0001/rerank"]
    assert whole.answers == ("Eva Lind", "Mayor Lind") and whole.gold_query == "Holm bridge opening"
    assert whole.metrics == ("mmsearch_end2end", "mmsearch_requery") and len(whole.images) == 1
    assert rerank.evidence == ("news_0001/website1", "news_0001/website4") and len(rerank.candidates) == 8
    assert rerank.meta["not_sure"] == ["news_0001/website2"]
    assert documents["news_0001/website1"].image and not documents["news_0001/website2"].image
    page = documents[questions["news_0001/summarization"].evidence[0]]
    assert "opened by Eva Lind" in page.text and page.image
    assert questions["knowledge_0002"].text_only


def test_mmsearch_plus_is_unveiled(tmp_path: Path) -> None:
    questions, _, bad = sample("mmsearch_plus", tmp_path)
    veiled, clear = questions.values()
    assert veiled.question.endswith("win the prize?") and veiled.answers == ("2019",) and len(veiled.images) == 2
    assert clear.question == "A question in the clear?" and clear.answers == ("yes",)
    assert len(bad) == 1 and unveiled("abcd") == "abcd" and unveiled("") == ""


def test_multimodalqa(tmp_path: Path) -> None:
    questions, documents, _ = sample("multimodalqa", tmp_path)
    assert questions["5454c14a"].evidence == ("tab1", "img1")
    assert questions["0000beef"].answers == ("Per Lind, Eva Lind",)  # one list, not two ways to say it
    assert documents["tab1"].text == "Name | Voice\nPer Lind | bass\nEva Lind | alto"
    assert documents["img1"].image and not documents["img2"].image  # out of a zip, and missing


def test_webqa_with_pictures_out_of_its_table(tmp_path: Path) -> None:
    questions, documents, bad = sample("webqa", tmp_path)
    church = questions["d5bbc0c4"]
    assert church.question == "Is the roof of Holm church green?" and church.answers == ("No, the roof is red.",)
    assert church.evidence == ("30000001",) and len(church.candidates) == 3 and church.meta["keywords"] == "no"
    one, other = documents["30000001"].image, documents["30000000"].image
    assert one and other and Path(one).read_bytes() != Path(other).read_bytes()
    assert bad == ["WebQA_train_val.json line 3: d5bbc0c6: no `Q`"]


def test_visdom(tmp_path: Path) -> None:
    questions, documents, _ = sample("visdom", tmp_path)
    curve = questions["spiqa_0"]
    assert (curve.question, curve.answers, curve.category) == ("Which curve falls?", ("The red curve.",), "spiqa")
    assert curve.candidates == ("1705.00002v2.pdf", "1805.00001v1.pdf")
    assert curve.meta["document"] == "1805.00001v1.pdf"
    page = documents["1805.00001v1.pdf:p001"]
    assert page.text == "The red curve falls" and page.image


def test_long_documents_name_pages(tmp_path: Path) -> None:
    questions, documents, _ = sample("mmlongbench_doc", tmp_path)
    share, king, colours = questions.values()
    assert documents[share.evidence[0]].text == "Blue is 31 percent" and share.answer_type == "number"
    assert king.unanswerable and not king.answers
    assert colours.answers == ("red, blue",) and colours.meta["items"] == ["red", "blue"] and len(colours.evidence) == 2
    questions, documents, bad = sample("m_longdoc", tmp_path)
    assert [set(q.evidence) <= set(documents) and bool(q.evidence) for q in questions.values()] == [True, True]
    assert bad == ["test.jsonl line 3: no `doc`"]


def test_mrag_bench(tmp_path: Path) -> None:
    questions, _, bad = sample("mrag_bench", tmp_path)
    car, colour = questions["0"], questions["1"]
    assert car.choices == ("Lind 1", "Lind 2", "Holm 3", "Holm 4") and car.answers == ("Holm 3",)
    assert car.meta["choice"] == "C" and car.question.endswith("\nD: Holm 4")
    assert len(car.evidence) == 2 and car.evidence[0] == car.meta["retrieved"][0]  # the same bytes, the same document
    assert len(colour.evidence) == 1  # only the first counts for Incomplete
    assert bad == [
        "test.jsonl line 3: `answer_choice` is no option",
        "test.jsonl line 4: its picture is no PNG, JPEG, WebP, GIF, BMP or TIFF",
    ]


def test_mramg(tmp_path: Path) -> None:
    questions, documents, _ = sample("mramg", tmp_path)
    mill = questions["wit/wit_0"]
    assert mill.answers == ("It is white [wit_7_1] and has a red cap [wit_7_2].",)
    assert mill.pictures == ("wit/wit_7_1", "wit/wit_7_2") and mill.evidence == ("wit:7",)
    assert documents["wit:7"].meta["pictures"] == list(mill.pictures)
    assert documents["wit/wit_7_1"].image and documents["wit/wit_7_2"].text == "Its cap"
    assert not questions["wit/wit_1"].pictures


def test_mmdocir(tmp_path: Path) -> None:
    questions, documents, bad = sample("mmdocir", tmp_path)
    mill = questions["holm/q1"]
    assert mill.boxes == (("holm:p1", 100.0, 200.0, 300.0, 260.0),) and mill.meta["type"] == ["Chart"]
    assert documents[mill.evidence[0]].text == "The mill is in Holm" and documents["holm:p0"].image
    assert questions["holm/q2"].unanswerable
    assert bad == ["MMDocIR_annotations.jsonl line 1: question 3: no `Q`"]


def test_spiqa_in_three_shapes(tmp_path: Path) -> None:
    questions, documents, bad = sample("spiqa", tmp_path)
    loss, size = questions["1611.00001v1/q1"], questions["1707.00002/q1"]
    assert documents[loss.evidence[0]].image and documents[loss.evidence[0]].text == "Figure 1: loss"
    colour = questions["1808.00003/q1"]
    assert colour.answers == ("White.",) and documents[colour.evidence[0]].text == "Figure 2: mills"
    assert documents["1808.00003"].title == "On mills" and "Most mills are white." in documents["1808.00003"].text
    assert documents["1707.00002"].text == "We count the papers.\n\nThere are 10."
    assert len(loss.candidates) == 2 and loss.meta["explanation"] == "The curve falls."
    assert documents[size.evidence[0]].text == "Table 2: sizes" and size.answers == ("It holds 10 papers.",)
    assert bad == ["test-A/SPIQA_testA.json line 1: 1611.00001v1 question 2: no `answer`"]


def test_visual_haystacks(tmp_path: Path) -> None:
    questions, documents, _ = sample("visual_haystacks", tmp_path)
    dog = questions["single_needle/3/0"]
    assert dog.question == "For the image with a truck, is there a dog?" and not dog.images
    assert dog.evidence == ("val2017/000000000001.jpg",) and len(dog.candidates) == 3
    assert set(documents) == {"val2017/000000000001.jpg", "val2017/000000000002.jpg"}


def test_inquire_both_ways(tmp_path: Path) -> None:
    questions, documents, bad = sample("inquire", tmp_path)
    assert questions["0"].evidence == ("inat24:101", "inat24:102") and questions["0"].answer_type == "doc_id"
    assert set(documents) == {"inat24:101"} and "no right picture" in bad[0]
    questions, documents, bad = sample("inquire_rerank", tmp_path)
    (takin,) = questions.values()
    assert takin.evidence == ("inat24:101",) and takin.candidates == ("inat24:101", "inat24:104")
    assert set(documents) == set(takin.candidates) and bad == ["test.jsonl line 3: no `query`"]


def test_a_format_must_be_known_and_fit(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no data set format webqa2") as caught:
        load("webqa2", BENCHMARKS / "webqa")
    assert "visual_haystacks" in caught.value.remedy
    with pytest.raises(BadInput, match="holds no question of SimpleQA"):
        load("simpleqa", BENCHMARKS / "inquire")
    (tmp_path / "odd.json").write_text('[{"a": 1}]')
    with pytest.raises(BadInput, match="cannot be told"):
        load("auto", tmp_path)
    with pytest.raises(BadInput, match="no such file"):
        load("auto", tmp_path / "none")
    (tmp_path / "odd.json").unlink()
    with pytest.raises(BadInput, match="no data file"):
        load("auto", tmp_path)


def test_a_field_of_the_wrong_kind_is_named(tmp_path: Path) -> None:
    rows = [
        {"id": "a", "question": "?"}, {"id": "b", "question": "?", "answer_type": "essay"},
        {"id": "c", "question": "?", "expected_searches": "few"}, {"id": "d", "question": "?", "boxes": [["p", 1, 2]]},
    ]  # fmt: skip
    (tmp_path / "q.json").write_text(json.dumps(rows))
    bad = [(row.line, row.reason.split(":")[0]) for row in load("own", tmp_path).bad_rows]
    assert bad == [(2, "`answer_type`"), (3, "`expected_searches`"), (4, "`boxes.0.3`")]


def test_an_id_is_used_once(tmp_path: Path) -> None:
    (tmp_path / "q.jsonl").write_text('{"id": "a", "question": "?"}\n{"id": "a", "question": "again"}\n')
    loaded = load("own", tmp_path)
    assert len(loaded.questions) == 1
    assert [str(row) for row in loaded.bad_rows] == ["q.jsonl line 2: the id a is already at q.jsonl line 1"]
    (tmp_path / "corpus.jsonl").write_text(
        '{"id": "d", "text": "x"}\n{"id": "d", "text": "x"}\n{"id": "d", "text": "y"}\n'
    )
    loaded = load("own", tmp_path)
    assert [document.text for document in loaded.corpus] == ["x"]
    assert str(loaded.bad_rows[-1]) == "two documents have the id d; the first is kept"
