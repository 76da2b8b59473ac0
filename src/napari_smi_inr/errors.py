"""The one error a user's input can raise."""

from __future__ import annotations

from importlib.util import find_spec


class InputError(ValueError):
    """Input the user can mend.

    Parameters
    ----------
    where
        The file or argument at fault.
    fault
        What is wrong with it, with the numbers found.
    remedy
        What to do about it.
    """

    def __init__(self, where: object, fault: str, remedy: str) -> None:
        self.where, self.fault, self.remedy = str(where), fault, remedy
        super().__init__(f"{where}: {fault} {remedy}")

    def __reduce__(self) -> tuple[type[InputError], tuple[str, str, str]]:
        """It may have to come from another process."""
        return type(self), (self.where, self.fault, self.remedy)


def require_library(name: str, purpose: str, extra: str) -> None:
    """Make sure that an optional library is there.

    Parameters
    ----------
    name
        Its name, as imported.
    purpose
        What needs it, in the plural.
    extra
        The extra of this package that installs it.

    Raises
    ------
    InputError
        If it is not installed.
    """
    if find_spec(name) is None:
        remedy = f'Install it: python -m pip install "napari-smi-inr[{extra}]".'
        raise InputError(name, f"is not installed, and {purpose} need it.", remedy)
