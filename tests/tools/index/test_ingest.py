from __future__ import annotations

import os
import shutil
import threading
from pathlib import Path

import pypdfium2
import pytest

from foveal.tools.index import pdf
from foveal.tools.index.collection import LocalCollection
from foveal.tools.index.enrich import Embedders
from foveal.tools.read import pdfium

from .conftest import corpus, picture, sample_corpus


def write_pdf(path: Path, texts: list[str], size: tuple[float, float] = (300, 200)) -> Path:
    """A PDF with one line of text a page."""
    objects = ["<< /Type /Catalog /Pages 2 0 R >>", ""]
    kids = []
    for text in texts:
        body = f"BT /F1 12 Tf 20 100 Td ({text}) Tj ET"
        content, page = len(objects) + 1, len(objects) + 2
        objects.append(f"<< /Length {len(body)} >>\nstream\n{body}\nendstream")
        objects.append(
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 {size[0]} {size[1]}] /Contents {content} 0 R"
            " /Resources << /Font << /F1 << /Type /Font /Subtype /Type1 /BaseFont /Helvetica >> >> >> >>"
        )
        kids.append(f"{page} 0 R")
    objects[1] = f"<< /Type /Pages /Kids [{' '.join(kids)}] /Count {len(kids)} >>"
    out, offsets = "%PDF-1.4\n", []
    for number, body in enumerate(objects, start=1):
        offsets.append(len(out))
        out += f"{number} 0 obj\n{body}\nendobj\n"
    start = len(out)
    out += f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n" + "".join(f"{o:010d} 00000 n \n" for o in offsets)
    out += f"trailer\n<< /Size {len(objects) + 1} /Root 1 0 R >>\nstartxref\n{start}\n%%EOF\n"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(out.encode("latin-1"))
    return path


def embedded(embedders: Embedders) -> int:
    return len(embedders.text.embedded)


async def test_a_folder_of_every_kind(collection: LocalCollection, tmp_path: Path) -> None:
    root = tmp_path / "files"
    picture(root / "old_tower.png", (200, 10, 10))
    write_pdf(root / "deep" / "paper_2021.pdf", ["Garnet mining grew.", "Cobalt mining fell."])
    (root / "page.html").write_text(
        "<html><head><title>Rubies &amp; more</title></head><body><article><p>Rubies are red stones that"
        " people have worn for a very long time, in many lands.</p></article></body></html>"
    )
    (root / "note.md").write_text("# Emeralds\n\nEmeralds are green.\n")
    (root / "plain.txt").write_bytes("Saphire sind blau, sagt Jürgen.".encode("cp1252"))
    (root / ".hidden.txt").write_text("not me")
    (root / "data.xyz").write_text("?")
    report = collection.add([root])
    assert (report.added, report.docs, report.pictures, report.failed) == (5, 6, 3, [])
    assert [(Path(source).name, reason) for source, reason in report.skipped] == [("data.xyz", "unknown type .xyz")]
    titles = {row[0] for row in collection._rows.all("SELECT title FROM documents")}
    assert titles == {
        "old tower", "paper_2021.pdf page 1", "paper_2021.pdf page 2", "Rubies & more", "Emeralds", "plain",
    }  # fmt: skip
    page = (await collection.search_text("cobalt mining"))[0]
    assert page.page == 2 and page.image is not None and page.url is not None and page.url.endswith("#page=2")
    assert (await collection.search_text("Jürgen"))[0].title == "plain"
    assert collection.verify().ok
    scope = await collection.scope_of("In paper_2021.pdf, what is on the last page?")
    assert scope is not None
    assert {hit.page for hit in await collection.search_text("mining", scope=scope)} == {2}


def test_row_62_the_same_again_embeds_nothing(
    collection: LocalCollection, embedders: Embedders, tmp_path: Path
) -> None:
    source = sample_corpus(tmp_path / "src")
    assert collection.add([source]).added == 3
    before = embedded(embedders)
    again = collection.add([source])
    assert (again.added, again.unchanged, again.replaced, again.removed) == (0, 3, 0, 0)
    assert embedded(embedders) == before
    assert again.seconds_in_embedders == 0


async def test_row_62_an_edited_line_replaces_its_chunks(
    collection: LocalCollection, embedders: Embedders, tmp_path: Path
) -> None:
    rows = [{"id": "a", "title": "A", "text": "old words"}, {"id": "b", "title": "B", "text": "kept"}]
    source = corpus(tmp_path / "c.jsonl", rows)
    collection.add([source])
    before = embedded(embedders)
    corpus(source, [{"id": "a", "title": "A", "text": "new words"}, rows[1]])
    report = collection.add([source])
    assert (report.added, report.unchanged, report.replaced) == (0, 1, 1)
    assert embedded(embedders) - before == 1
    assert {hit.text for hit in await collection.search_text("words")} == {"new words", "kept"}
    assert collection.verify().ok


def test_row_62_a_new_picture_behind_the_same_path_is_a_change(collection: LocalCollection, tmp_path: Path) -> None:
    picture(tmp_path / "a.png", (200, 0, 0))
    source = corpus(tmp_path / "c.jsonl", [{"id": "a", "title": "A", "image": "a.png"}])
    collection.add([source])
    picture(tmp_path / "a.png", (0, 200, 0))
    assert collection.add([source]).replaced == 1
    assert collection.verify().ok
    assert collection.stats().pictures == {"picture": 1}


async def test_row_62_a_renamed_file_is_moved_without_embedding(
    collection: LocalCollection, embedders: Embedders, tmp_path: Path
) -> None:
    root = tmp_path / "files"
    (root / "sub").mkdir(parents=True)
    (root / "old_name.txt").write_text("Garnets are minerals.")
    write_pdf(root / "one.pdf", ["First page of garnets, long enough."])
    collection.add([root])
    ids = {row[0] for row in collection._rows.all("SELECT id FROM documents")}
    before = embedded(embedders)
    (root / "old_name.txt").rename(root / "sub" / "new_name.txt")
    (root / "one.pdf").rename(root / "two.pdf")
    report = collection.add([root])
    assert (report.moved, report.added, report.removed, report.replaced) == (2, 0, 0, 0)
    assert embedded(embedders) == before
    rows = collection._rows.all("SELECT id, title, url, doc_name FROM documents ORDER BY title")
    assert {row[0] for row in rows} == ids
    assert [row[1] for row in rows] == ["new name", "two.pdf page 1"]
    assert rows[0][2].endswith("sub/new_name.txt") and rows[1][2].endswith("two.pdf#page=1")
    assert [d.title for d in await collection.find_title("new name")] == ["new name"]
    assert collection.add([root]).unchanged == 2
    assert collection.verify().ok


def test_row_62_a_deleted_file_goes_when_its_folder_is_added_again(collection: LocalCollection, tmp_path: Path) -> None:
    root = tmp_path / "files"
    root.mkdir()
    for name in "abc":
        (root / f"{name}.txt").write_text(f"words of {name}")
    other = tmp_path / "other.txt"
    other.write_text("elsewhere")
    collection.add([root, other])
    (root / "b.txt").unlink()
    other.unlink()
    report = collection.add([root])
    assert (report.removed, report.unchanged) == (1, 2)
    assert collection.stats().documents == 3
    assert collection.verify().ok


def test_row_62_a_deleted_line_goes_but_not_while_a_line_is_broken(collection: LocalCollection, tmp_path: Path) -> None:
    rows: list[dict[str, str] | str] = [{"id": i, "title": i, "text": f"words {i}"} for i in "abc"]
    source = corpus(tmp_path / "c.jsonl", rows)
    collection.add([source])
    corpus(source, [rows[0], "{broken", rows[2]])
    assert collection.add([source]).removed == 0
    corpus(source, [rows[0], rows[2]])
    assert collection.add([source]).removed == 1
    assert collection.stats().documents == 2


def test_copies_of_a_file_are_both_kept(collection: LocalCollection, tmp_path: Path) -> None:
    root = tmp_path / "files"
    root.mkdir()
    (root / "a.txt").write_text("the same words")
    shutil.copy(root / "a.txt", root / "b.txt")
    assert collection.add([root]).added == 2
    assert collection.stats().documents == 2


def test_bad_lines_are_told_by_number_and_the_rest_goes_on(collection: LocalCollection, tmp_path: Path) -> None:
    outside = picture(tmp_path / "outside.png", (1, 1, 1))
    folder = tmp_path / "src"
    (folder / "images").mkdir(parents=True)
    (folder / "images" / "bad.png").write_bytes(b"\x89PNG not really")
    (folder / "images" / "link.png").symlink_to(outside)
    source = corpus(
        folder / "c.jsonl",
        [
            {"id": "ok", "title": "Fine", "text": "fine"},
            "{not json",
            "[1, 2]",
            {"title": "no id", "text": "x"},
            {"id": "empty"},
            {"id": "ok", "text": "again"},
            {"id": "out", "text": "x", "image": "../outside.png"},
            {"id": "abs", "text": "x", "image": str(outside)},
            {"id": "sym", "text": "x", "image": "images/link.png"},
            {"id": "gone", "text": "has words", "image": "images/none.png"},
            {"id": "gone2", "image": "images/none.png"},
            {"id": "bad", "image": "images/bad.png"},
            {"id": "bad2", "text": "has words", "image": "images/bad.png"},
            {"id": "typed", "text": 5},
            {"id": "meta", "text": "x", "meta": []},
            {"id": "last", "text": "last \x00 one", "meta": {"$and": [1], "deep": {"er": None}, "": 1}},
        ],
    )
    report = collection.add([source])
    failed = {source.rsplit(":", 1)[-1]: reason for source, reason in report.failed}
    assert {int(line) for line in failed if line.isdigit()} == {2, 3, 4, 5, 6, 7, 8, 9, 11, 14, 15}
    assert "outside of the corpus's folder" in failed["7"]
    assert any(name.endswith("#bad") for name, _ in report.failed)
    ids = {row[0] for row in collection._rows.all("SELECT id FROM documents")}
    assert ids == {"ok", "gone", "bad2", "last"}
    assert len(report.notices) == 2
    assert collection.verify().ok


def test_a_corpus_in_a_folder_owns_its_pictures(collection: LocalCollection, tmp_path: Path) -> None:
    sample_corpus(tmp_path / "src")
    (tmp_path / "src" / "questions.jsonl").write_text('{"question": "?"}\n')
    report = collection.add([tmp_path / "src"])
    assert (report.docs, report.pictures, report.failed) == (3, 2, [])
    assert [Path(source).name for source, _ in report.skipped] == ["questions.jsonl"]
    assert collection.add([tmp_path / "src"]).unchanged == 3


def test_ocr_modes(folder: Path, embedders: Embedders, tmp_path: Path) -> None:
    for name, size in (("big", (300, 200)), ("tiny", (60, 40)), ("told", (300, 200))):
        picture(tmp_path / f"{name}.png", (9, 9, 200), size)
    rows = [
        {"id": "big", "title": "Big", "image": "big.png"},
        {"id": "tiny", "title": "Tiny", "image": "tiny.png"},
        {"id": "told", "title": "Told", "image": "told.png", "text": "words " * 50},
    ]
    source = corpus(tmp_path / "c.jsonl", rows)
    for mode, expected in (("never", 0), ("auto", 1), ("always", 3)):
        made = LocalCollection.create(folder / mode, embedders)
        made.add([source], ocr=mode)
        assert made._rows.all("SELECT count(*) FROM documents WHERE ocr <> ''") == [(expected,)]
        made.close()


def test_progress_and_cancelling_between_batches(collection: LocalCollection, tmp_path: Path) -> None:
    source = corpus(tmp_path / "c.jsonl", [{"id": f"{i}", "title": "T", "text": f"words {i}"} for i in range(200)])
    calls: list[tuple[int, int, str]] = []
    cancel = threading.Event()

    def progress(done: int, total: int, stage: str) -> None:
        calls.append((done, total, stage))
        if done >= 64:
            cancel.set()

    report = collection.add([source], progress=progress, cancel=cancel)
    assert report.cancelled and report.added == 64 and report.removed == 0
    assert calls[-1][1] == 200
    assert collection.verify().ok
    rest = collection.add([source])
    assert (rest.unchanged, rest.added) == (64, 136)


def test_row_67_bad_pdfs_fail_alone(collection: LocalCollection, tmp_path: Path) -> None:
    root = tmp_path / "files"
    good = write_pdf(root / "good.pdf", ["A good page with words."])
    (root / "cut.pdf").write_bytes(good.read_bytes()[:120])
    (root / "not.pdf").write_bytes(b"hello")
    (root / "empty.pdf").write_bytes(b"")
    encrypted = good.read_bytes().replace(
        b"trailer\n<<",
        b"trailer\n<< /Encrypt << /Filter /Standard /V 1 /R 2 /Length 40 /P -4 /O <" + b"41" * 32 + b"> /U <"
        + b"42" * 32 + b"> >> /ID [<4142> <4142>]",
    )  # fmt: skip
    (root / "locked.pdf").write_bytes(encrypted)
    report = collection.add([root])
    reasons = {Path(source).name: reason for source, reason in report.failed}
    assert report.added == 1
    assert set(reasons) == {"cut.pdf", "not.pdf", "empty.pdf", "locked.pdf"}
    assert "password" in reasons["locked.pdf"]
    assert collection.verify().ok


def test_row_67_a_page_bomb_is_rendered_small(collection: LocalCollection, tmp_path: Path) -> None:
    write_pdf(tmp_path / "bomb.pdf", ["huge page"], size=(14_400, 14_400))
    assert collection.add([tmp_path / "bomb.pdf"]).pictures == 1
    width, height = collection._rows.all("SELECT width, height FROM images")[0]
    assert width * height <= pdfium.MAX_PAGE_PIXELS * 1.01


def test_row_67_only_the_first_pages_of_a_huge_pdf(
    collection: LocalCollection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pdf, "MAX_PAGES", 3)
    document = pypdfium2.PdfDocument.new()
    for _ in range(50):
        document.new_page(120, 90)
    document.save(tmp_path / "long.pdf")
    report = collection.add([tmp_path / "long.pdf"])
    assert report.docs == 3
    assert report.notices == [(str(tmp_path / "long.pdf"), "only the first 3 of 50 pages")]


def test_row_68_what_is_no_document_is_skipped_with_a_reason(collection: LocalCollection, tmp_path: Path) -> None:
    root = tmp_path / "files"
    (root / "sub").mkdir(parents=True)
    (root / "ok.txt").write_text("fine")
    (root / "sub" / "loop").symlink_to(root)
    (root / "self.txt").symlink_to(root / "self.txt")
    (root / "dangling.txt").symlink_to(root / "nowhere.txt")
    (root / "zero.txt").symlink_to("/dev/zero")
    os.mkfifo(root / "pipe.txt")
    secret = root / "secret.txt"
    secret.write_text("x")
    secret.chmod(0)
    longest = root / ("n" * 251 + ".txt")
    longest.write_text("a file with a name of 255 bytes")
    (root / os.fsdecode(b"\xff\xfe.txt")).write_text("odd name")
    (root / "binary.txt").write_bytes(b"\0\1\2" * 100)
    (root / "nothing.txt").write_text("  \n")
    report = collection.add([root])
    reasons = {Path(source).name: reason for source, reason in [*report.skipped, *report.failed]}
    assert "loop" in reasons["loop"]
    assert "symbolic links" in reasons["self.txt"]
    assert "no such file" in reasons["dangling.txt"]
    assert "regular" in reasons["zero.txt"] and "regular" in reasons["pipe.txt"]
    assert any("UTF-8" in reason for reason in reasons.values())
    assert "not text" in reasons["binary.txt"] and "no text" in reasons["nothing.txt"]
    if os.geteuid() != 0:
        assert "permission" in reasons["secret.txt"]
    titles = {row[0] for row in collection._rows.all("SELECT title FROM documents")}
    assert {"ok", "n" * 251} <= titles
    assert collection.verify().ok


def test_row_68_a_named_file_that_is_not_there_fails(collection: LocalCollection, tmp_path: Path) -> None:
    report = collection.add([tmp_path / "none.txt", "/dev/zero", tmp_path / ("x" * 300 + ".txt")])
    assert len(report.failed) == 3


def test_the_collection_inside_of_the_folder_is_left_out(tmp_path: Path, embedders: Embedders) -> None:
    (tmp_path / "a.txt").write_text("words")
    made = LocalCollection.create(tmp_path / "index", embedders)
    picture(tmp_path / "b.png", (1, 200, 1))
    assert made.add([tmp_path]).docs == 2
    again = made.add([tmp_path])
    assert (again.unchanged, again.added) == (2, 0)
    made.close()
