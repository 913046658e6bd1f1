"""The 1000 words of the eye: ImageNet classes with their WordNet names, meanings and kinds."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from importlib import resources

from foveal.types import Label

_FILE = "imagenet_labels.tsv"


@dataclass(frozen=True, slots=True)
class ImageClass:
    """A class. ``names`` are its WordNet lemmas, the commonest first; ``kind`` is what it is a kind of.

    ``living`` is ``animal``, ``plant`` (also parts and fruits), ``fungus``, ``person`` or empty.
    """

    wnid: str
    names: tuple[str, ...]
    gloss: str
    kind: str
    living: str

    def label(self, probability: float) -> Label:
        """Return the class as a label seen with *probability*."""
        return Label(self.names[0], self.gloss, probability, self.names[1:])

    @property
    def words(self) -> str:
        """All its names and its kind, as one line to index: ``"tench, Tinca tinca, cyprinid"``."""
        return ", ".join((*self.names, self.kind)) if self.kind else ", ".join(self.names)


class LabelTable:
    """The classes in the order of the network's outputs."""

    def __init__(self, classes: tuple[ImageClass, ...]) -> None:
        self.classes = classes

    @classmethod
    def load(cls) -> LabelTable:
        """Read the table that ships with Foveal."""
        text = resources.files("foveal.tools.embed").joinpath(_FILE).read_text("utf-8")
        rows = (line.split("\t") for line in text.splitlines() if line and not line.startswith("#"))
        return cls(
            tuple(
                ImageClass(wnid, tuple(names.split(", ")), gloss, kind, living)
                for wnid, names, gloss, kind, living in rows
            )
        )

    def class_of(self, label: Label) -> ImageClass | None:
        """Return the class that *label* names, or None. Two classes may share a name, not a meaning too."""
        return self._by_label.get((label.name, label.gloss))

    def __len__(self) -> int:
        return len(self.classes)

    def __getitem__(self, index: int) -> ImageClass:
        return self.classes[index]

    @cached_property
    def _by_label(self) -> dict[tuple[str, str], ImageClass]:
        return {(entry.names[0], entry.gloss): entry for entry in self.classes}
