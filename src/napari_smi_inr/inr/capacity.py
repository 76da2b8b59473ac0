"""How much network a scan needs."""

from __future__ import annotations

from .config import FitConfig

_SMALL_SCAN = 3200
"""Voxels for which the sizes of a config hold as they are."""

_GROWTH = {"features": 1 / 3, "width": 1 / 4, "batch_size": 1 / 2}
"""Exponents of growth with the number of voxels: a larger scan has more to tell, but it repeats itself."""

_MULTIPLE = 16


def with_capacity(config: FitConfig, n_voxels: int) -> FitConfig:
    """The config with its sizes settled for a number of voxels, and so never growing again."""
    growth = max(1.0, n_voxels / _SMALL_SCAN)
    if not config.grow or growth == 1.0:
        return config.model_copy(update={"grow": False})
    sizes = {
        name: _MULTIPLE * round(getattr(config, name) * growth**power / _MULTIPLE) for name, power in _GROWTH.items()
    }
    # A wider layer adds up more steps of its weights: it stays as sure-footed with smaller ones (Yang et al. 2021).
    rate = config.learning_rate * config.width / sizes["width"]
    return config.model_copy(update={**sizes, "learning_rate": rate, "grow": False})
