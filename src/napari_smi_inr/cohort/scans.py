"""Finding the scans of a data set: preprocessed ones of QSIPrep (BIDS derivatives), or those of plain BIDS."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from ..errors import InputError
from ..io.files import user_path
from .names import IMAGES, BidsName, files_named, joined

SUFFIX = "dwi"
"""Suffix of a scan, and name of the folder it lies in."""

PREPROCESSED = "preproc"
"""``desc-`` label of a scan that a derivative says is corrected for motion and distortion."""

_REMEDY = "Give the folder that holds sub-<label> folders with <scan>_dwi.nii.gz in their dwi folders."
_NOT_OURS = ("part", "echo", "chunk")  # entities of files that are no whole scan, unless part-mag


@dataclass(frozen=True)
class Scan:
    """One 4-D image to be fitted.

    Attributes
    ----------
    root
        The data set's folder: what describes the scan is looked for from beside it up to there.
    dwi
        The image.
    """

    root: Path
    dwi: Path

    @cached_property
    def entities(self) -> dict[str, str]:
        """Labels by key, as the file's name has them."""
        name = BidsName.of(self.dwi.name)
        assert name is not None  # or it would not have been found
        return dict(name.entities)

    @property
    def subject(self) -> str:
        """Label of the subject."""
        return self.entities["sub"]

    @property
    def session(self) -> str:
        """Label of the session; empty where there is none."""
        return self.entities.get("ses", "")

    @property
    def name(self) -> str:
        """What names of results begin with, such as ``sub-01_ses-2_space-ACPC``."""
        return joined({key: label for key, label in self.entities.items() if key not in ("desc", "part")})

    @property
    def place(self) -> Path:
        """Folder of its results, within that of the cohort."""
        return Path(*(f"{key}-{label}" for key, label in self.entities.items() if key in ("sub", "ses")), SUFFIX)

    @property
    def folders(self) -> list[Path]:
        """Its folder and those above it, up to the data set's."""
        inner = self.dwi.parent.relative_to(self.root).parts
        return [self.root.joinpath(*inner[:n]) for n in range(len(inner), -1, -1)]


def find_scans(folder: str | Path, participants: Sequence[str] = (), sessions: Sequence[str] = ()) -> list[Scan]:
    """Find the scans of a data set.

    Preprocessed scans (``desc-preproc``) go first: those of the folder itself, of ``qsiprep`` in it, or of the one
    data set in its ``derivatives`` that has some. Where there are none, the plain ``*_dwi.nii.gz`` are taken.

    Parameters
    ----------
    folder
        Of the data set.
    participants, sessions
        Labels to keep, with ``sub-`` and ``ses-`` or without; all by default.

    Returns
    -------
    In the order of their names, each with a name of its own.

    Raises
    ------
    InputError
        If there is no such folder or no scan in it, one that is asked for is not there, two scans would give results
        of one name, or several sets of preprocessed scans are to choose from.
    """
    root = user_path(folder).absolute()
    wanted = _labels(participants, "sub-")
    try:
        if not root.is_dir():
            raise InputError(root, "is no folder.", _REMEDY)
        scans = _scans(_home(root), wanted, _labels(sessions, "ses-"))
    except OSError as error:
        raise InputError(error.filename or root, f"cannot be read: {error.strerror}.", "Check permissions.") from None
    missing = sorted(wanted - {scan.subject for scan in scans})
    if missing:
        told = ", ".join(f"sub-{label}" for label in missing)
        raise InputError(root, f"has no scan of {told}.", "Check --participant-label.")
    if not scans:
        raise InputError(root, "has no diffusion scan.", _REMEDY)
    _refuse_namesakes(scans)
    return scans


def _home(root: Path) -> Path:
    """Where the scans of a data set are to be taken from."""
    if _preprocessed(root):
        return root
    inside = [root / "qsiprep"] if _preprocessed(root / "qsiprep") else []
    derivatives = root / "derivatives"
    if not inside and derivatives.is_dir():
        inside = [each for each in sorted(derivatives.iterdir()) if _preprocessed(each)]
    if len(inside) > 1:
        told = ", ".join(str(each) for each in inside)
        raise InputError(root, f"has several sets of preprocessed scans: {told}.", "Give one of them instead.")
    return inside[0] if inside else root


def _preprocessed(root: Path) -> bool:
    return any(name.entities.get("desc") == PREPROCESSED for _, name in _images(root, frozenset(), frozenset()))


def _scans(root: Path, subjects: frozenset[str], sessions: frozenset[str]) -> list[Scan]:
    wanted = PREPROCESSED if _preprocessed(root) else None
    found = _images(root, subjects, sessions)
    return [Scan(root, path) for path, name in found if name.entities.get("desc") == wanted]


def _images(root: Path, subjects: frozenset[str], sessions: frozenset[str]) -> Iterator[tuple[Path, BidsName]]:
    """Every image with the suffix of a scan, subject by subject."""
    for subject in _folders(root, "sub-", subjects):
        for folder in [*([] if sessions else [subject]), *_folders(subject, "ses-", sessions)]:
            for path, name in files_named(folder / SUFFIX, SUFFIX, IMAGES):
                whole = not any(name.entities.get(key, "mag") != "mag" for key in _NOT_OURS)
                if whole and f"sub-{name.entities.get('sub')}" == subject.name:
                    yield path, name


def _folders(root: Path, start: str, wanted: frozenset[str]) -> list[Path]:
    if not root.is_dir():
        return []
    there = sorted(each for each in root.iterdir() if each.name.startswith(start) and each.is_dir())
    return [each for each in there if not wanted or each.name.removeprefix(start) in wanted]


def _labels(given: Sequence[str], start: str) -> frozenset[str]:
    return frozenset(word.removeprefix(start) for text in given for word in text.replace(",", " ").split())


def _refuse_namesakes(scans: Sequence[Scan]) -> None:
    known: dict[str, Scan] = {}
    for scan in scans:
        other = known.setdefault(scan.name, scan)
        if other is not scan:
            fault = f"and {other.dwi} would give results of one name ({scan.name})."
            raise InputError(scan.dwi, fault, "Remove or rename one of them.")
