"""Checks of a scan before it is fitted: what would be silently wrong is said, with what to do about it."""

from .finding import Finding, Severity, concerning
from .scan import check_scan, with_findings

__all__ = ["Finding", "Severity", "check_scan", "concerning", "with_findings"]
