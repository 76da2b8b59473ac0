"""All checks of a scan."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import TypeVar

from ..dataset import DiffusionDataset
from .directions import check_directions
from .encoding import check_encoding
from .finding import Finding, Severity
from .mask import check_mask
from .noise import check_noise
from .units import check_units

Check = Callable[[DiffusionDataset], tuple[Finding, ...]]
Scan = TypeVar("Scan", bound=DiffusionDataset)

CHECKS: tuple[Check, ...] = (check_units, check_mask, check_directions, check_encoding, check_noise)
"""In the order in which a user should see to what they find."""


def check_scan(dataset: DiffusionDataset) -> tuple[Finding, ...]:
    """Look for what would make a fit silently wrong.

    Mistaken units, a mask in the background, axes of the directions that disagree with the fibres, encoding that does
    not look linear, a noise floor, and noise that has been smoothed. Large scans are looked at in part; it takes about
    a second. A check that a scan gives no ground for says nothing.

    Parameters
    ----------
    dataset
        The scan.

    Returns
    -------
    What was found, warnings first.
    """
    found = [finding for check in CHECKS for finding in check(dataset)]
    return tuple(sorted(found, key=lambda finding: finding.severity is not Severity.WARNING))


def with_findings(dataset: Scan, findings: Iterable[Finding]) -> Scan:
    """The scan with what was found, for the record kept with results."""
    told = tuple(str(finding) for finding in findings)
    return dataset if told == dataset.findings else replace(dataset, findings=told)
