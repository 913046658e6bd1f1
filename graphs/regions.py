"""Searching the parts of a picture: cut out, searched like pictures of their own, and told apart by where they are."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Sequence
from dataclasses import replace

from foveal.agents import perceiver
from foveal.graphs.state import BranchState, Perception, Research
from foveal.protocols import BlobStore
from foveal.tools.images.quality import improved
from foveal.tools.images.regions import propose
from foveal.types import ImageHit, ImageRef, Region


async def search_regions(state: BranchState, work: Research, regions: Sequence[Region] | None = None) -> list[ImageHit]:
    """Return what *regions* (pixels of the step's picture) look like, best first, each document once.

    Without *regions* they are proposed, and the whole picture (made better, if it has flaws) is searched beside
    them, so that the scores of both stand in one list. A proposed region counts only if what it looks like stands
    out: parts of a picture look a little like very much. A document keeps its best score; ``region`` says, in pixels
    of the original picture, where, and is None for the whole. Raises BadImage for a box outside the picture.
    """
    image = state.get("image")
    assert work.collection is not None and image is not None
    looks = await asyncio.to_thread(_cut, image, state.get("perception"), work.blobs, regions)
    found = await asyncio.gather(*(work.collection.search_image(look, k=perceiver.SEARCHED) for look in looks))
    placed = [[replace(hit, region=look.box) for hit in hits] for look, hits in zip(looks, found, strict=True)]
    return merged(placed if regions is not None else [placed[0], *filter(_stands_out, placed[1:])])


def merged(found: Sequence[Sequence[ImageHit]]) -> list[ImageHit]:
    """Return the hits of several searches as one list, best first; margins are to the next other document of it."""
    best: dict[str, ImageHit] = {}
    for hit in (hit for hits in found for hit in hits):
        if hit.doc_id not in best or hit.score > best[hit.doc_id].score:
            best[hit.doc_id] = hit
    ranked = sorted(best.values(), key=lambda h: (-h.score, h.doc_id))
    behind = [*(h.score for h in ranked[1:]), 0.0]
    return [replace(hit, margin=hit.score - after) for hit, after in zip(ranked, behind, strict=False)]


def _stands_out(hits: Sequence[ImageHit]) -> bool:
    first, rivals = [hit.score for hit in hits[:1]], [hit.score for hit in hits[1 : 1 + perceiver.RIVALS]]
    small = len(hits) < perceiver.SEARCHED
    return bool(first) and perceiver.alike(first[0], rivals, small=small) >= perceiver.SURE


def _cut(
    image: ImageRef, seen: Perception | None, blobs: BlobStore, regions: Sequence[Region] | None
) -> list[ImageRef]:
    """Return what is to be searched: crops of *regions*, or the whole picture and crops of proposed regions."""
    if regions is not None:
        return [blobs.crop(image, box) for box in regions]
    pixels = blobs.open(image.sha256)
    whole = image
    if seen and seen.flaws:
        data = io.BytesIO()
        improved(pixels).save(data, "PNG")
        whole = replace(blobs.put_bytes(data.getvalue(), name=image.name, origin="crop"), box=image.box)
    proposed = propose(pixels, seen.lines if seen else ())
    boxes = dict.fromkeys([*(seen.regions if seen else ()), *proposed])
    return [whole, *(blobs.crop(image, box) for box in boxes)]
