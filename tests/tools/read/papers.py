"""PDFs made at test time."""

from __future__ import annotations


def pdf(pages: list[str], *, title: str = "", size: tuple[float, float] = (300, 200), picture: bool = False) -> bytes:
    """A PDF with one line of text a page; with *picture*, each page also shows a grey square."""
    objects = ["<< /Type /Catalog /Pages 2 0 R >>", ""]
    kids = []
    if picture:
        objects.append(
            "<< /Type /XObject /Subtype /Image /Width 1 /Height 1 /ColorSpace /DeviceGray /BitsPerComponent 8 "
            "/Length 1 >>\nstream\nx\nendstream"
        )
    drawn = "/XObject << /I 3 0 R >>" if picture else ""
    for text in pages:
        body = f"BT /F1 12 Tf 20 100 Td ({text}) Tj ET" + (" q 50 0 0 50 20 20 cm /I Do Q" if picture else "")
        content, page = len(objects) + 1, len(objects) + 2
        objects.append(f"<< /Length {len(body)} >>\nstream\n{body}\nendstream")
        objects.append(
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 {size[0]} {size[1]}] /Contents {content} 0 R"
            f" /Resources << {drawn} /Font << /F1 << /Type /Font /Subtype /Type1 /BaseFont /Helvetica >> >> >> >>"
        )
        kids.append(f"{page} 0 R")
    objects[1] = f"<< /Type /Pages /Kids [{' '.join(kids)}] /Count {len(kids)} >>"
    objects.append(f"<< /Title ({title}) /CreationDate (D:20210304120000Z) >>")
    out, offsets = "%PDF-1.4\n", []
    for number, body in enumerate(objects, start=1):
        offsets.append(len(out))
        out += f"{number} 0 obj\n{body}\nendobj\n"
    start = len(out)
    out += f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n" + "".join(f"{o:010d} 00000 n \n" for o in offsets)
    out += f"trailer\n<< /Size {len(objects) + 1} /Root 1 0 R /Info {len(objects)} 0 R >>\nstartxref\n{start}\n%%EOF\n"
    return out.encode("latin-1")


def locked(document: bytes) -> bytes:
    """The same, encrypted with a password nobody knows."""
    return document.replace(
        b"trailer\n<<",
        b"trailer\n<< /Encrypt << /Filter /Standard /V 1 /R 2 /Length 40 /P -4 /O <" + b"41" * 32 + b"> /U <"
        + b"42" * 32 + b"> >> /ID [<4142> <4142>]",
    )  # fmt: skip
