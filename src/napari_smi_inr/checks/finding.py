"""What a check says."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """How loud to say it."""

    WARNING = "warning"
    NOTICE = "notice"


@dataclass(frozen=True)
class Finding:
    """Something about a scan that a user should know before a fit.

    Attributes
    ----------
    what
        In a few words.
    text
        What was seen, with the numbers; one sentence or two.
    remedy
        What to do about it; empty if there is nothing to be done.
    severity
        A warning doubts the maps; a notice tells what could not be made sure, or is only to be kept in mind.
    bvec_axes
        What mends the directions (:data:`~napari_smi_inr.checks.axes.BVEC_AXES`); empty if they are not at fault.
    loss
        The loss it concerns; empty if it concerns any fit.
    """

    what: str
    text: str
    remedy: str = ""
    severity: Severity = Severity.WARNING
    bvec_axes: str = ""
    loss: str = ""

    def __str__(self) -> str:
        return f"{self.what}: {self.text} {self.remedy}".rstrip()


def concerning(findings: Iterable[Finding], loss: str) -> tuple[Finding, ...]:
    """Those that concern a fit with this loss."""
    return tuple(finding for finding in findings if finding.loss in ("", loss))
