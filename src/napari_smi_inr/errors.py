"""The one error a user's input can raise."""

from __future__ import annotations


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
