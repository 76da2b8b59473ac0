"""An open b-tensor scan of a healthy brain, fetched when asked for and checked against what was published.

Szczepankiewicz, Hoge and Westin 2019, Data in Brief, doi:10.1016/j.dib.2019.104208 (BSD 3-Clause), in the selection of
Herberthson et al. 2021, doi:10.1016/j.neuroimage.2021.118198: 70 volumes with linear, planar and spherical encoding up
to b = 2 ms/µm². The files are those of one commit of their repository. Of every one, git's own fingerprint in that
commit is checked; and besides, the SHA-256 of the small ones, and of the scan the MD5 by which dipy knows it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import platformdirs

from ..errors import InputError, require_library
from .files import output_folder, replacing

NAME = "DiB_70_lte_pte_ste"
"""First part of the files' names."""

MEGABYTES = 54
"""To be fetched, about; as dipy tells it."""

SOURCE = (
    "https://raw.githubusercontent.com/filip-szczepankiewicz/Szczepankiewicz_DIB_2019/"
    "71032c399ebf3eca2771918e5e485ea7a05b2d0e/DATA/brain/NII_Boito_SubSamples/"
)
"""Where the files are, at the commit that the fingerprints are of."""


class Published(NamedTuple):
    """A file as published.

    Attributes
    ----------
    path
        Below the source.
    checksum
        ``algorithm:digest``.
    git
        Fingerprint of the content in git: SHA-1 of ``blob <length>``, a zero byte, and the content.
    """

    path: str
    checksum: str
    git: str


FILES = {
    f"{NAME}.nii.gz": Published(
        f"{NAME}/{NAME}.nii.gz",
        "md5:11f2e0d53e19061654eb3cdfc8fe9827",
        "ed6e033b721fa8ac3eaf373c3230b26e775c1d91",
    ),
    f"{NAME}.bval": Published(
        f"{NAME}/bval_{NAME}.bval",
        "sha256:800e0a72b995a288b219643ca3eda289f357b50163d1086ac26cdc4bbd8267f0",
        "780ec581db5c70ea7d0b8f62a5796b00f6a045bc",
    ),
    f"{NAME}.bvec": Published(
        f"{NAME}/bvec_{NAME}.bvec",
        "sha256:b0aebfb249cb73de4384b60500a7b776c87317ba7bba7000e99c559d69a27d7c",
        "d73944a5204f2fdf283a4ba05b682db305b1c0de",
    ),
    f"{NAME}_mask.nii.gz": Published(
        "DiB_mask.nii.gz",
        "sha256:0ec678d5ecebfce8c04072094e0a88a3174d73c998eb6383100e684bd751be30",
        "c0f9b89ee47217d0b2cf6b1c4113e2bec7cf717c",
    ),
}
"""By the names they get here, by which side-cars are found."""

SHAPES = ((1, 5), (-0.5, 3), (0, 7), (1, 8), (-0.5, 5), (0, 5), (1, 21), (-0.5, 10), (0, 6))
"""b_delta and number of consecutive volumes, which no file of theirs tells: as dipy has them, and as the table of the
repository's readme counts them shell by shell."""


class OpenScan(NamedTuple):
    """Where the scan is."""

    dwi: Path
    mask: Path


def cached_scan() -> OpenScan | None:
    """The scan, where it has been fetched into the user's cache folder before."""
    found = _places(_cache())
    return found if all((_cache() / name).is_file() for name in (*FILES, _bdelta())) else None


def fetch_scan(
    folder: str | Path | None = None,
    source: str = SOURCE,
    files: dict[str, Published] | None = None,
    progress: bool = False,
) -> OpenScan:
    """Fetch the scan with its b-values, directions and mask, and write its shapes beside it.

    What is there already, and sound, is not fetched again.

    Parameters
    ----------
    folder
        Made if missing; the user's cache folder by default.
    source, files
        Where to fetch from, and what; for a copy elsewhere.
    progress
        Whether to show bars on standard error.

    Raises
    ------
    InputError
        If pooch is not installed, the files cannot be fetched (no network, say), or are not those that were published.
    """
    require_library("pooch", "samples to fetch", "samples")
    target = output_folder(_cache() if folder is None else folder)
    for name, published in (FILES if files is None else files).items():
        _fetch(source + published.path, target, name, published, progress)
    with replacing(target / _bdelta()) as stream:
        stream.write((" ".join(f"{shape:g}" for shape, n in SHAPES for _ in range(n)) + "\n").encode())
    return _places(target)


def _fetch(url: str, folder: Path, name: str, published: Published, progress: bool) -> None:
    import pooch
    from requests import RequestException

    pooch.get_logger().setLevel("ERROR")
    elsewhere = f"Try again later, or fetch it by other means from {url} to {folder / name}."
    try:
        path = pooch.retrieve(url, published.checksum, name, folder, progressbar=progress)
    except RequestException as error:
        fault = f"could not be fetched ({_reason(error)})."
        raise InputError(url, fault, f"Is this machine connected to the internet? {elsewhere}") from None
    except ValueError:  # the checksum is another
        fault = "is not the file that was published, or did not arrive whole: its checksum is another."
        raise InputError(url, fault, elsewhere) from None
    except OSError as error:
        fault = f"cannot be kept in {folder}: {error.strerror or error}."
        raise InputError(url, fault, "Choose another folder, or make room on its disk.") from None
    if fingerprint(Path(path)) != published.git:
        Path(path).unlink()
        raise InputError(url, "is not the file that was published: its fingerprint in git is another.", elsewhere)


def fingerprint(path: Path) -> str:
    """What git calls the content of a file."""
    digest = hashlib.sha1(f"blob {path.stat().st_size}\0".encode(), usedforsecurity=False)
    with path.open("rb") as stream:
        while chunk := stream.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()


def _reason(error: Exception) -> str:
    """What went wrong, in a few words: these errors nest others, of a thousand characters."""
    response = getattr(error, "response", None)
    if response is not None:
        return f"the server says {response.status_code} {response.reason}"
    words: Sequence[str] = type(error).__name__.removesuffix("Error").split()
    return {"Connection": "no connection", "ConnectTimeout": "no answer", "ReadTimeout": "no answer"}.get(
        words[0], "the connection broke"
    )


def _places(folder: Path) -> OpenScan:
    return OpenScan(folder / f"{NAME}.nii.gz", folder / f"{NAME}_mask.nii.gz")


def _bdelta() -> str:
    return f"{NAME}.bdelta"


def _cache() -> Path:
    return platformdirs.user_cache_path("napari-smi-inr", appauthor=False) / "samples"
