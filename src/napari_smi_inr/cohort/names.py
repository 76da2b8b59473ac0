"""Names of files as BIDS builds them: entities, a suffix, an ending."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_UNCOMPRESSED = ".nii"


@dataclass(frozen=True)
class BidsName:
    """The parts of a name such as ``sub-01_ses-2_desc-preproc_dwi.nii.gz``.

    Attributes
    ----------
    entities
        Labels by key, in the order of the name: ``{"sub": "01", "ses": "2", "desc": "preproc"}``.
    suffix
        The last part: ``dwi``.
    ending
        From the first dot on: ``.nii.gz``.
    """

    entities: Mapping[str, str]
    suffix: str
    ending: str

    @classmethod
    def of(cls, name: str) -> BidsName | None:
        """Take a file's name apart; None where it is not built like that."""
        stem, dot, ending = name.partition(".")
        *pairs, suffix = stem.split("_")
        split = [pair.partition("-") for pair in pairs]
        if not dot or not suffix or "-" in suffix or not all(key and label for key, _, label in split):
            return None
        return cls({key: label for key, _, label in split}, suffix, dot + ending)

    def but(self, *keys: str) -> dict[str, str]:
        """Entities without some."""
        return {key: label for key, label in self.entities.items() if key not in keys}

    def applies_to(self, entities: Mapping[str, str]) -> bool:
        """Whether a file of this name may speak of one with these entities: none of its own contradicts them."""
        return all(entities.get(key) == label for key, label in self.entities.items())


def joined(entities: Mapping[str, str]) -> str:
    """Entities as a name begins."""
    return "_".join(f"{key}-{label}" for key, label in entities.items())


def files_named(folder: Path, suffix: str, endings: Sequence[str]) -> list[tuple[Path, BidsName]]:
    """Files of a folder with a suffix and one of the endings, in the order of their names; empty without the folder."""
    if not folder.is_dir():
        return []
    named = [(path, BidsName.of(path.name)) for path in sorted(folder.iterdir())]
    return [(p, n) for p, n in named if n is not None and n.suffix == suffix and n.ending in endings]


IMAGES = (".nii.gz", _UNCOMPRESSED)
"""Endings of images."""
