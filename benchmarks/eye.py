"""How well the eye knows a picture again: over made-up photos of it, with and without the colour thumbnail.

``python benchmarks/eye.py FOLDER [--pictures N]`` takes any folder of pictures, which are the gallery, and
distorts N of them. Printed are, for drawings and photos apart:

1. recall@1 and the mean margin (own cosine less the best other) for each weight of the thumbnail,
2. recall@1 for each distortion, without the thumbnail and with the weight in use,
3. the same with DualIS against hubness, and how often it changes what is found first,
4. how likely it is that a look-alike is the same thing: the logistic regression of :func:`perceiver.alike` fitted on
   half of the pictures, and on the other half how often a thing that was taken out of the gallery is identified
   (false) and one that is in it is not (missed), with the constants in use,
5. the same for two pictures pasted on one ground, searched whole and by regions.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from distort import DISTORTIONS
from PIL import Image

from foveal.agents import perceiver
from foveal.tools.embed.eye import COLOUR_WEIGHT, THUMBNAIL, Eye
from foveal.tools.embed.vectors import unit
from foveal.tools.images.decode import decode
from foveal.tools.images.regions import propose
from foveal.tools.index.hubness import Hubness

SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".webp"})
WEIGHTS = (0.0, 0.25, 0.5, 0.75, 1.0)
SIDE = 800
SHRINK = 8.0
"""As in the collection's own search."""
DRAWN = 0.2
"""Share of one colour from which a picture is a drawing."""


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("folder", type=Path)
    arguments.add_argument("--pictures", type=int, default=60, help="how many are distorted, drawings and photos alike")
    options = arguments.parse_args()
    eye = Eye()
    files = sorted(f for f in options.folder.rglob("*") if f.suffix.lower() in SUFFIXES)
    gallery, drawn = gallery_of(files, eye)
    rng = np.random.default_rng(0)
    sides = [np.flatnonzero(drawn), np.flatnonzero(~drawn)]
    chosen = np.sort(np.concatenate([rng.permutation(s)[: options.pictures // 2] for s in sides]))
    print(f"{len(files)} pictures, {int(drawn.sum())} of them drawings; {len(chosen)} distorted")
    queries, truth = distorted([files[i] for i in chosen], chosen, eye)
    by_weight(gallery, queries, truth, drawn)
    by_distortion(gallery, queries, truth, drawn)
    by_hubness(gallery, queries, truth, drawn)
    same_thing(cosines(gallery, queries), truth, drawn)
    pasted(files, chosen, gallery, eye)


def opened(file: Path) -> Image.Image:
    """Return the picture, at most SIDE pixels a side."""
    image = decode(file.read_bytes(), name=file.name)
    image.thumbnail((SIDE, SIDE))
    return image


def gallery_of(files: Sequence[Path], eye: Eye) -> tuple[np.ndarray, np.ndarray]:
    """Return the features of *files* [n, dim] and which are drawings [n]."""
    features, drawn = [], []
    for start in range(0, len(files), 16):
        images = [opened(file) for file in files[start : start + 16]]
        features.append(eye.embed_images(images))
        drawn += [is_drawn(image) for image in images]
    return np.concatenate(features), np.array(drawn)


def is_drawn(image: Image.Image) -> bool:
    """Say whether one colour (of 4096) fills much of the picture."""
    pixels = np.asarray(image.resize((64, 64), Image.Resampling.NEAREST)).astype(int) // 16
    return bool(np.bincount((pixels @ [256, 16, 1]).ravel()).max() >= DRAWN * 64 * 64)


def distorted(files: Sequence[Path], places: np.ndarray, eye: Eye) -> tuple[np.ndarray, np.ndarray]:
    """Return the features of every distortion of *files* [n * d, dim] and the place in the gallery of each."""
    features = []
    for file, place in zip(files, places, strict=True):
        image = opened(file)
        makers = enumerate(DISTORTIONS.values())
        features.append(eye.embed_images([make(image, np.random.default_rng([place, n])) for n, make in makers]))
    return np.concatenate(features), np.repeat(places, len(DISTORTIONS))


def weighted(features: np.ndarray, weight: float) -> np.ndarray:
    """Return *features* [n, dim] as they would be with another weight of the thumbnail."""
    shapes, colours = np.split(features, [-3 * THUMBNAIL**2], axis=1)
    return unit(np.concatenate([unit(shapes), colours / np.linalg.norm(shapes, axis=1, keepdims=True)
                                * (weight / COLOUR_WEIGHT)], axis=1))  # fmt: skip


def cosines(gallery: np.ndarray, queries: np.ndarray) -> np.ndarray:
    """Return centred cosines [queries, gallery], as the collection computes them."""
    mean = gallery.sum(axis=0) / (len(gallery) + SHRINK)
    return unit(queries - mean) @ unit(gallery - mean).T


def told_apart(scores: np.ndarray, truth: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return which queries find their picture first, and by how much it leads over (or trails) the best other."""
    rows = np.arange(len(scores))
    own, others = scores[rows, truth], without(scores, truth).max(axis=1)
    return own > others, own - others


def without(scores: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Return *scores* as they are when the right picture is not in the gallery."""
    held_out = scores.copy()
    held_out[np.arange(len(scores)), truth] = -1.0
    return held_out


def groups(truth: np.ndarray, drawn: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    yield "drawings", drawn[truth]
    yield "photos", ~drawn[truth]


def by_weight(gallery: np.ndarray, queries: np.ndarray, truth: np.ndarray, drawn: np.ndarray) -> None:
    print("\nweight   drawings: recall@1  margin   photos: recall@1  margin")
    for weight in WEIGHTS:
        found, margin = told_apart(cosines(weighted(gallery, weight), weighted(queries, weight)), truth)
        cells = [f"{found[g].mean():10.3f} {margin[g].mean():9.3f}" for _, g in groups(truth, drawn) if g.any()]
        print(f"{weight:6.2f}   " + "   ".join(cells) + ("  <- in use" if weight == COLOUR_WEIGHT else ""))


def by_distortion(gallery: np.ndarray, queries: np.ndarray, truth: np.ndarray, drawn: np.ndarray) -> None:
    names = np.array(list(DISTORTIONS) * (len(truth) // len(DISTORTIONS)))
    found = {w: told_apart(cosines(weighted(gallery, w), weighted(queries, w)), truth)[0] for w in (0.0, COLOUR_WEIGHT)}
    print("\ndistortion" + "".join(f"{f'{side}, {w}':>18}" for side, _ in groups(truth, drawn) for w in found))
    for name in DISTORTIONS:
        cells = [f[(names == name) & g].mean() for _, g in groups(truth, drawn) if g.any() for f in found.values()]
        print(f"{name:10}" + "".join(f"{cell:18.3f}" for cell in cells))


def by_hubness(gallery: np.ndarray, queries: np.ndarray, truth: np.ndarray, drawn: np.ndarray) -> None:
    scores = cosines(gallery, queries)
    mean = gallery.sum(axis=0) / (len(gallery) + SHRINK)
    items = unit(gallery - mean)
    print("\nhubness, banks of the gallery   drawings: recall@1   photos: recall@1   first changed   skew of top 10")
    for name, betas in (("off", None), ("β 5, 3", (5.0, 3.0)), ("β 10, 10", (10.0, 10.0)), ("β 20, 3", (20.0, 3.0))):
        learnt = Hubness.fit(items, items, beta_queries=betas[0], beta_items=betas[1]) if betas else None
        for dynamic in (False, True) if learnt else (False,):
            fixed = learnt.corrected(scores, dynamic=dynamic) if learnt else scores
            found = fixed.argmax(axis=1) == truth
            cells = [f"{found[g].mean():18.3f}" for _, g in groups(truth, drawn) if g.any()]
            changed = (fixed.argmax(axis=1) != scores.argmax(axis=1)).mean()
            label = f"{name}{', dynamic' if dynamic else ''}"
            print(f"{label:30}" + " ".join(cells) + f"{changed:16.3f} {skew(fixed):16.2f}")


def skew(scores: np.ndarray, k: int = 10) -> float:
    """Return the skewness of how often each picture is among the first *k*: high when a few are found by all."""
    times = np.bincount(np.argsort(-scores, axis=1)[:, :k].ravel(), minlength=scores.shape[1]).astype(float)
    return float(((times - times.mean()) ** 3).mean() / max(times.std(), 1e-9) ** 3)


def leads(scores: np.ndarray) -> np.ndarray:
    """Return the lead of each row's best cosine over the mean of the next RIVALS [n]."""
    best = -np.sort(-scores, axis=1)[:, : 1 + perceiver.RIVALS]
    return np.asarray(best[:, 0] - best[:, 1:].mean(axis=1))


def logistic(rows: np.ndarray, truth: np.ndarray, ridge: float = 1e-6) -> np.ndarray:
    """Return the weights that make σ(rows · w) likeliest, by Newton's method."""
    weights = np.zeros(rows.shape[1])
    for _ in range(100):
        p = 1 / (1 + np.exp(-rows @ weights))
        curvature = (rows * (p * (1 - p))[:, None]).T @ rows / len(rows) + ridge * np.eye(len(weights))
        weights += np.linalg.solve(curvature, rows.T @ (truth - p) / len(rows) - ridge * weights)
    return weights


def same_thing(scores: np.ndarray, truth: np.ndarray, drawn: np.ndarray) -> None:
    known, unknown = leads(scores), leads(without(scores, truth))
    right = scores.argmax(axis=1) == truth
    half = np.isin(truth, np.unique(truth)[::2])
    rows = np.concatenate([known[half], unknown[half]])
    fitted = logistic(np.stack([np.ones(len(rows)), rows], axis=1), np.concatenate([right[half], np.zeros(half.sum())]))
    print("\nP(same thing), fitted on half: bias {:.1f}, of the lead {:.1f}".format(*fitted))
    print("on the other half    false: at UNKNOWN  at SURE   missed: at UNKNOWN  at SURE")
    for side, g in groups(truth, drawn):
        if (g & ~half).any():
            told(side, known[g & ~half & right], unknown[g & ~half], scores.shape[1] < perceiver.SEARCHED)


def told(name: str, known: np.ndarray, unknown: np.ndarray, small: bool) -> None:
    """Print which shares of leads are taken for something known and unknown, by Foveal's own probabilities."""
    p_known, p_unknown = ([perceiver.alike(x, [], small=small) for x in row.tolist()] for row in (known, unknown))
    levels = (perceiver.UNKNOWN, perceiver.SURE)
    false, missed = ([np.mean(np.array(p) >= level) for level in levels] for p in (p_unknown, p_known))
    missed = [1 - share for share in missed]
    print(f"{name:20} {false[0]:17.3f} {false[1]:8.3f} {missed[0]:20.3f} {missed[1]:8.3f}")


def pasted(files: Sequence[Path], chosen: np.ndarray, gallery: np.ndarray, eye: Eye, most: int = 40) -> None:
    pairs = list(zip(chosen[:-1:2], chosen[1::2], strict=False))[:most]
    whole, parts, known, unknown = [], [], [], []
    for a, b in pairs:
        picture = both(opened(files[a]), opened(files[b]))
        crops = [picture.crop((r.x0, r.y0, r.x1, r.y1)) for r in propose(picture)]
        scores = cosines(gallery, eye.embed_images([picture, *crops]))
        best = scores.max(axis=0)
        whole.append({a, b} <= set(np.argsort(-scores[0])[:2]))
        parts.append({a, b} <= set(np.argsort(-best)[:2]))
        known.append(np.delete(best, b))
        held_out = best.copy()
        held_out[[a, b]] = -1.0
        unknown.append(held_out)
    if pairs:
        print(f"\n{len(pairs)} pairs on one ground: both found first, searched whole {np.mean(whole):.3f}, "
              f"by regions {np.mean(parts):.3f}")  # fmt: skip
        told("by regions", leads(np.array(known)), leads(np.array(unknown)), len(gallery) < perceiver.SEARCHED)


def both(left: Image.Image, right: Image.Image) -> Image.Image:
    """Return two pictures of one height side by side on a grey ground."""
    left, right = (i.resize((max(1, math.ceil(i.width * 300 / i.height)), 300)) for i in (left, right))
    ground = Image.new("RGB", (left.width + right.width + 120, 380), (205, 205, 200))
    ground.paste(left, (40, 40))
    ground.paste(right, (left.width + 80, 40))
    return ground


if __name__ == "__main__":
    main()
