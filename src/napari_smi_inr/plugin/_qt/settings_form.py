"""Controls for any method's settings, made from its own table of them."""

from __future__ import annotations

from typing import Any, Literal, get_args, get_origin

from magicgui.widgets import ComboBox, LineEdit, SpinBox
from pydantic.fields import FieldInfo

from ...estimation.settings import Settings
from .form import Rows, check_box, named

_ELSEWHERE = {"method", "lmax", "device"}  # shared by all methods, and so among the controls above
_LARGEST = 2**31 - 1


class SettingsForm(Rows):
    """One control for each setting that only some methods have.

    Parameters
    ----------
    table
        The settings of a method.
    """

    def __init__(self, table: type[Settings]) -> None:
        self.controls = {
            name: _control(name, field) for name, field in table.model_fields.items() if name not in _ELSEWHERE
        }
        super().__init__(self.controls.values())

    def values(self) -> dict[str, Any]:
        """What is set now, by name; texts are for the table to understand."""
        return {name: control.value for name, control in self.controls.items()}


def _control(name: str, field: FieldInfo) -> Any:
    """A control that suits a setting's type; numbers that span magnitudes are typed, and checked by the table."""
    label = name.replace("_", " ").capitalize()
    return named(_bare(label, field), label, (field.description or "").capitalize())


def _bare(label: str, field: FieldInfo) -> Any:
    kind, default = field.annotation, field.default
    if kind is bool:
        return check_box(label, default)
    if kind is int:
        low, high = _bounds(field)
        return SpinBox(label=label, value=default, min=low, max=high)
    if get_origin(kind) is Literal:
        return ComboBox(label=label, choices=list(get_args(kind)), value=default)
    return LineEdit(label=label, value=str(default))


def _bounds(field: FieldInfo) -> tuple[int, int]:
    """Least and largest value that the table allows."""
    limits = {name: getattr(rule, name) for rule in field.metadata for name in ("ge", "le") if hasattr(rule, name)}
    return limits.get("ge", -_LARGEST), limits.get("le", _LARGEST)
