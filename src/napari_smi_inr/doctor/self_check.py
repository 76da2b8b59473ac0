"""A small evaluation on every device, beside the same in double precision."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

from ..parameters import KERNEL_PARAMETERS, PARAMETERS
from .facts import Check

if TYPE_CHECKING:
    import torch

    from ..inr.model import FieldModel

TOLERANCE = 1e-4
"""Largest difference from double precision that counts as rounding, as a share of a parameter's range."""

_POINTS, _LMAX = 512, 4
_REACH = 60.0  # mm
_DETAIL = 6.0  # mm
_B, _B_DELTA = (0.0, 1.0, 2.0, 2.0, 2.0), (1.0, 1.0, 1.0, 0.0, -0.5)  # ms/µm² and shapes


def check_devices() -> tuple[Check, ...]:
    """Check each device that torch can use."""
    from ..estimation.device import device_names

    return tuple(check_device(name) for name in device_names())


def check_device(name: str) -> Check:
    """Evaluate an untrained field and the signal's kernel at some points, and compare.

    Parameters
    ----------
    name
        Of a device of torch.
    """
    try:
        return Check(name, _difference(name))
    except Exception as error:  # whatever a driver may come up with: it is what is asked for here
        return Check(name, None, (str(error) or type(error).__name__).splitlines()[0])


def _difference(name: str) -> float:
    import torch

    from ..inr.config import FitConfig
    from ..inr.model import FieldModel

    with torch.random.fork_rng(devices=[]), torch.inference_mode():
        torch.manual_seed(0)
        model = FieldModel(FitConfig.from_preset(lmax=_LMAX, start_from_data=False), _DETAIL, torch.zeros(3)).eval()
        points = (2 * torch.rand(_POINTS, 3) - 1) * _REACH
        exact = _values(copy.deepcopy(model).double(), points.double())
        found = _values(model.to(name), points.to(name)).cpu().double()
    difference = (found - exact).abs().max().item()
    if not difference < float("inf"):
        raise ArithmeticError("it gives numbers that are none")
    return difference


def _values(model: FieldModel, points: torch.Tensor) -> torch.Tensor:
    """(N, …) parameters as shares of their ranges, FOD and signal kernel at (N, 3) points, in their precision."""
    import torch

    from ..signal_model.kernel import kernel

    tissue = model(points)
    bounds = [PARAMETERS[key].bounds or (0.0, 1.0) for key in KERNEL_PARAMETERS]
    span = torch.tensor([high - low for low, high in bounds]).to(points)
    b, b_delta = (torch.tensor(values).to(points) for values in (_B, _B_DELTA))
    Di, De, Dp, f = (column[:, None] for column in tissue.kernel.unbind(1))
    response = kernel(b, b_delta, Di, De, Dp, f, _LMAX)
    return torch.cat([tissue.kernel / span, tissue.S0[:, None], tissue.fod, response.flatten(1)], dim=1)
