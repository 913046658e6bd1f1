"""Pictures and PDFs of the fixture web, drawn when they are asked for; the same each time."""

from __future__ import annotations

import hashlib
import io

from PIL import Image, ImageDraw

from .world import TOWNS, slug

FLAGS = {slug(name): row[4] for name, row in TOWNS.items()}


def picture(kind: str, name: str, size: tuple[int, int] = (320, 240)) -> bytes:
    """Return the picture of a thing as PNG: a flag of a town, else shapes in colours of its own."""
    image = _flag(FLAGS[name], size) if name in FLAGS else _shapes(f"{kind}/{name}", size)
    return _png(image)


def flag(town: str, size: tuple[int, int] = (60, 40)) -> bytes:
    """Return the flag of *town*, as a user might show it."""
    return _png(_flag(TOWNS[town][4], size))


def _flag(stripes: tuple[str, ...], size: tuple[int, int]) -> Image.Image:
    image = Image.new("RGB", size)
    for n, colour in enumerate(stripes):
        image.paste(colour, (n * size[0] // len(stripes), 0, size[0], size[1]))
    return image


def _shapes(seed: str, size: tuple[int, int]) -> Image.Image:
    noise = hashlib.sha256(seed.encode()).digest()
    image = Image.new("RGB", size, tuple(noise[:3]))
    draw = ImageDraw.Draw(image)
    for n in range(4):
        colour, (x, y, w) = tuple(noise[3 + 3 * n : 6 + 3 * n]), noise[16 + 3 * n : 19 + 3 * n]
        left, top = x * size[0] // 300, y * size[1] // 300
        draw.rectangle((left, top, left + 20 + w // 3, top + 40 + w // 2), fill=colour)
    return image


def _png(image: Image.Image) -> bytes:
    data = io.BytesIO()
    image.save(data, "PNG")
    return data.getvalue()


def text_pdf(title: str, pages: list[list[str]]) -> bytes:
    """Return a PDF with a line of text a string, in Helvetica; each list is a page."""
    kids = " ".join(f"{4 + 2 * n} 0 R" for n in range(len(pages)))
    objects = [
        "<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {len(pages)} >>",
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    for n, lines in enumerate(pages):
        words = " ".join(f"({_escaped(line)}) Tj 0 -18 Td" for line in lines)
        stream = f"BT /F1 12 Tf 60 740 Td {words} ET"
        objects.append(
            "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] "
            f"/Resources << /Font << /F1 3 0 R >> >> /Contents {5 + 2 * n} 0 R >>"
        )
        objects.append(f"<< /Length {len(stream)} >>\nstream\n{stream}\nendstream")
    objects.append(f"<< /Title ({_escaped(title)}) >>")
    out, starts = bytearray(b"%PDF-1.4\n"), []
    for number, body in enumerate(objects, 1):
        starts.append(len(out))
        out += f"{number} 0 obj\n{body}\nendobj\n".encode("latin-1")
    table = "".join(f"{start:010d} 00000 n \n" for start in starts)
    end = f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n{table}"
    end += f"trailer\n<< /Size {len(objects) + 1} /Root 1 0 R /Info {len(objects)} 0 R >>\n"
    end += f"startxref\n{len(out)}\n%%EOF\n"
    return bytes(out) + end.encode()


def scanned_pdf(lines: list[str]) -> bytes:
    """Return a PDF whose one page is a picture of *lines*: there is no text in it."""
    image = Image.new("L", (1190, 1684), 255)
    draw = ImageDraw.Draw(image)
    for n, line in enumerate(lines):
        draw.text((120, 160 + 60 * n), line, fill=0, font_size=40)
    data = io.BytesIO()
    image.save(data, "PDF", resolution=144)
    return data.getvalue()


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)")
