"""What the phantom's brain is made of: density and direction of every structure, in formulas.

A density (N,) lies between 0 and 1. An axis (N, 3) is the direction fibres take there: of any length, either sign,
continuous wherever the structure has any density. Lengths are brain units (see :mod:`.place`).
"""

from __future__ import annotations

import numpy as np

from .place import Place, Values, bump, within

_CORTEX = 0.060
"""Thickness of the cortex."""

_ARM_TURN, _ARM_REACH = 0.13, 0.29
"""Callosal fibres cross the midline level, turn within the first length and stand upright near the second."""


def cortex(p: Place) -> Values:
    """The folded grey rim of the brain, along sulci and fissures too."""
    return within(_CORTEX - p.pial, 0.028)


def thalamus(p: Place) -> Values:
    """The thalamus, beside the third ventricle."""
    return within(_ellipsoid(p, (0.115, -0.12, -0.14), (0.090, 0.145, 0.13)))


def putamen(p: Place) -> Values:
    """The lentiform nucleus, between internal and external capsule."""
    return within(_ellipsoid(p, (0.345, 0.08, -0.16), (0.070, 0.185, 0.15)))


def caudate(p: Place) -> Values:
    """The head of the caudate nucleus, in the wall of the frontal horn."""
    return within(_ellipsoid(p, (0.165, 0.215, -0.12), (0.050, 0.095, 0.13)))


def callosum(p: Place) -> Values:
    """Fibres across the midline that leave the arch along its normal: forceps minor, body and forceps major."""
    thickness = 0.072 + 0.010 * p.outwards[0] ** 2 + 0.10 * p.side
    sheet = within(thickness - np.abs(p.above_arch - _arm(p.side)), 0.015 + 0.05 * p.side)
    return sheet * within(0.42 - p.side, 0.04) * within(p.arch - 0.4) * within(p.z + 0.36, 0.02)


def callosum_axis(p: Place) -> Values:
    """From side to side on the midline, then along the arms."""
    slope = p.hemisphere * (p.side / np.hypot(p.side, _ARM_TURN) + (p.side / _ARM_REACH) ** 3)
    return _columns(1.0, slope * p.outwards[0], slope * p.outwards[1])


def _arm(side: Values) -> Values:
    """How far callosal fibres have risen off the arch at a distance from the midline."""
    return np.hypot(side, _ARM_TURN) - _ARM_TURN + side**4 / (4 * _ARM_REACH**3)


def capsule(p: Place) -> Values:
    """Internal capsule, bent between caudate, putamen and thalamus, and the corona radiata it fans out into."""
    rise = _rise(p)
    middle = 0.205 + 0.42 * (np.hypot(p.y - 0.09, 0.05) - 0.05) + 0.55 * rise**2 / (rise + 0.1)
    sheet = within(0.064 + 0.12 * rise - np.abs(p.side - middle), 0.015 + 0.05 * rise)
    return sheet * within(0.27 + 0.5 * rise - np.abs(p.y - 0.04), 0.02)


def capsule_axis(p: Place) -> Values:
    """Up, outwards and, towards the ends, forwards and backwards."""
    rise = _rise(p)
    return _columns(p.hemisphere * (0.2 + 0.9 * rise / (rise + 0.1)), 1.6 * (p.y - 0.04), 1.0)


def _rise(p: Place) -> Values:
    """Height above the level where the capsule begins to fan out."""
    return np.asarray(0.5 * (p.z + 0.05 + np.hypot(p.z + 0.05, 0.04)))


def longitudinal(p: Place) -> Values:
    """Superior longitudinal fasciculus, beside the corona radiata, with the arcuate's bend behind."""
    middle_x, middle_z = 0.435 - 0.28 * p.y**2, 0.135 - 0.75 * _behind(p) ** 2
    return bump((p.side - middle_x) / 0.085, (p.z - middle_z) / 0.12) * within(0.50 - np.abs(p.y), 0.04)


def longitudinal_axis(p: Place) -> Values:
    """Front to back, bowed outwards, bent down behind."""
    return _columns(-0.56 * p.y * p.hemisphere, 1.0, 1.5 * _behind(p))


def _behind(p: Place) -> Values:
    return np.maximum(-p.y - 0.12, 0)


def cingulum(p: Place) -> Values:
    """A narrow bundle on the callosum, beside the midline."""
    return bump((p.side - 0.115) / 0.065, (p.above_arch - 0.150) / 0.065)


def cingulum_axis(p: Place) -> Values:
    """Along the arch."""
    return _columns(0.0, p.outwards[1], -p.outwards[0])


def optic_radiation(p: Place) -> Values:
    """A sheet around the back of the ventricle, from the thalamus to the occipital pole."""
    along = _along_radiation(p)
    middle = 0.235 + 0.62 * along * (1 - along) - 0.08 * along
    sheet = within(0.056 + 0.015 * along - np.abs(p.side - middle), 0.015)
    return sheet * within(-0.10 - p.y, 0.02) * within(p.y + 0.70, 0.04) * within(0.035 - p.z, 0.02)


def optic_radiation_axis(p: Place) -> Values:
    """Along the sheet's bow, level, a little upwards at its start."""
    along = _along_radiation(p)
    return _columns(p.hemisphere * (0.54 - 1.24 * along) / 0.58, -1.0, 0.25 * (1 - along))


def _along_radiation(p: Place) -> Values:
    """0 at the thalamus, 1 at the occipital pole."""
    return np.clip((-p.y - 0.14) / 0.58, 0, 1)


def external_capsule(p: Place) -> Values:
    """The thin sheet outside the putamen: fronto-occipital and uncinate fibres."""
    shell = _ellipsoid(p, (0.345, 0.06, -0.16), (0.145, 0.27, 0.24))
    return within(0.038 - np.abs(shell), 0.014) * within(p.side - 0.36, 0.02)


def external_capsule_axis(p: Place) -> Values:
    """Front to back around the putamen, a little downwards in front."""
    return _columns(-2.2 * (p.y - 0.06) * p.hemisphere, 1.0, -0.5)


def gyral_blades(p: Place) -> Values:
    """White matter of no named bundle: dense under the cortex, thinner deep inside."""
    return 0.25 + 0.75 * within(p.hull - 0.62, 0.07)


def fan(p: Place) -> Values:
    """From the brain stem to the cortex; never quite level, so that it turns smoothly everywhere."""
    return _columns(p.x, 0.75 * p.y, np.hypot(0.9 * (p.z + 0.42), 0.15))


def _ellipsoid(p: Place, centre: tuple[float, float, float], radii: tuple[float, float, float]) -> Values:
    """Approximate distance into an ellipsoid on both sides of the brain."""
    x, y, z = ((c - c0) / r for c, c0, r in zip((p.side, p.y, p.z), centre, radii, strict=True))
    return np.asarray((1 - np.sqrt(x**2 + y**2 + z**2)) * min(radii))


def _columns(*components: Values | float) -> Values:
    return np.stack(np.broadcast_arrays(*components), axis=1)
