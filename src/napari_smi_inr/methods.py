"""Every method of fitting by name, and the one way to run any of them.

Nothing heavy is imported here: the command line lists methods and their settings at once.
"""

from __future__ import annotations

from collections.abc import Generator
from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple

from .errors import InputError
from .estimation.settings import Settings

if TYPE_CHECKING:
    from .dataset import DiffusionDataset
    from .estimation.keep import Keep
    from .estimation.step import Step


class Method(NamedTuple):
    """A way to fit the Standard Model.

    Attributes
    ----------
    title
        What it is, in words.
    settings
        Module and class of its settings; loads fast.
    steps
        Module and function ``(dataset, config, keep) -> Iterator[Step]``; may load torch.
    """

    title: str
    settings: tuple[str, str]
    steps: tuple[str, str]


INR = "inr"
"""The method that is continuous between voxels, and the one used where none is named."""

LEAST_SQUARES = "mse"
"""Loss of a method that has no setting for it."""

METHODS: dict[str, Method] = {
    INR: Method("implicit neural representation", ("inr.config", "FitConfig"), ("inr.training", "fit_steps")),
    "nn": Method(
        "supervised network",
        ("baselines.network.config", "NetworkConfig"),
        ("baselines.network.fit", "network_steps"),
    ),
    "nlls": Method(
        "nonlinear least squares",
        ("baselines.nlls.config", "NllsConfig"),
        ("baselines.nlls.fit", "nlls_steps"),
    ),
    "smi": Method(
        "SMI, polynomial regression", ("baselines.smi.config", "SmiConfig"), ("baselines.smi.fit", "smi_steps")
    ),
}
"""Methods by short name, the INR first."""


def settings_class(method: str) -> type[Settings]:
    """The table of settings of a method.

    Raises
    ------
    InputError
        If there is no such method.
    """
    if method not in METHODS:
        raise InputError("method", f"there is no method {method!r}.", f"Choose one of: {', '.join(METHODS)}.")
    found: type[Settings] = _load(METHODS[method].settings)
    return found


def make_settings(method: str = INR, **given: Any) -> Settings:
    """Checked settings of a method; ``None`` leaves one as it is.

    Raises
    ------
    InputError
        If the method or a setting does not exist, or a value is out of range.
    """
    table = settings_class(method)
    make = getattr(table, "from_preset", table.checked)
    made: Settings = make(**{key: value for key, value in given.items() if value is not None})
    return made


def fit_steps(dataset: DiffusionDataset, config: Settings, keep: Keep | None = None) -> Generator[Step, None, None]:
    """Fit by the method that the settings belong to, one short step at a time.

    The caller owns the loop: leave it to stop, wait in it to pause. Closed, it keeps where it stands.

    Parameters
    ----------
    dataset
        The scan.
    config
        From :func:`make_settings`; equal settings give equal results on one machine.
    keep
        Where the state of the fit is kept, for the case that it is cut short.

    Yields
    ------
    Step
        Progress, and on demand the best result so far. The last one holds the result.

    Raises
    ------
    InputError
        If the dataset lacks something the method needs, or what is to be resumed is of another fit.
    """
    steps: Generator[Step, None, None] = _load(METHODS[config.method].steps)(dataset, config, keep)
    return steps


def _load(home: tuple[str, str]) -> Any:
    module, name = home
    return getattr(import_module(f".{module}", __package__), name)
