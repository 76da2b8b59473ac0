"""What the fibres say of the directions, in words."""

from __future__ import annotations

from ..dataset import DiffusionDataset
from .axes import AS_GIVEN, BVEC_AXES, in_words
from .fibres import FEWEST, Coherence, fibre_coherence
from .finding import Finding, Severity

_GIVEN = BVEC_AXES.index(AS_GIVEN)
_COHERENT = 0.05
"""Coherence below which the fibres tell nothing; fields of random directions reach 0.04."""


def check_directions(dataset: DiffusionDataset) -> tuple[Finding, ...]:
    """Say whether the axes of the directions seem mistaken, or cannot be told; nothing where the fibres agree."""
    coherence = fibre_coherence(dataset)
    return () if coherence is None else tuple(filter(None, [judge(coherence)]))


def judge(coherence: Coherence) -> Finding | None:
    """Put a comparison in words."""
    best, rivals = coherence.best, coherence.rivals()
    if coherence.values[best] < _COHERENT or coherence.n_voxels < FEWEST or _GIVEN in rivals:
        return _unsure(coherence)
    if best == _GIVEN:
        return None
    axes = BVEC_AXES[best]
    seen = (
        f"fibres lead to their like far better with {in_words(axes)} (coherence {coherence.values[best]:.2f}) than "
        f"with the directions as given ({coherence.values[_GIVEN]:.2f})."
    )
    if rivals:
        others = " or ".join(in_words(BVEC_AXES[other]) for other in rivals[:3])
        seen += f" It may also be {others}: the fibres do not settle it."
    remedy = f'Take the directions with axes "{axes}", or find out how the scan was converted. FODs would be wrong.'
    return Finding("Directions seem flipped", seen, remedy, bvec_axes=axes)


def _unsure(coherence: Coherence) -> Finding:
    return Finding(
        "Directions not verified",
        f"{coherence.n_voxels:,} voxels with clear fibres are too few, or too alike, to tell whether axes of the "
        "directions are flipped or swapped.",
        "Look at the FODs in a place you know, such as the callosum.",
        Severity.NOTICE,
    )


def axes_by_fibres(dataset: DiffusionDataset) -> str:
    """Axes that the fibres ask for beyond doubt, which are those given where they ask for none."""
    return next((finding.bvec_axes for finding in check_directions(dataset) if finding.bvec_axes), AS_GIVEN)
