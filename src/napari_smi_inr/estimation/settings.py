"""Settings of a fit, checked: what every method's own table of settings builds on."""

from __future__ import annotations

from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ..errors import InputError

LARGEST_SEED = (1 << 53) - 1
"""The largest whole number that every reader of JSON keeps exact: a record has to repeat its fit."""

Seed = Annotated[int, Field(ge=0, le=LARGEST_SEED, description="equal seeds give equal results")]
"""Whatever is left to chance begins there."""


class Settings(BaseModel):
    """Everything that decides the outcome of a fit: frozen, saved beside every result, enough to repeat it.

    Each method has a subclass with a ``method`` (its short name) and an ``lmax``.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="strings")

    method: str
    lmax: int

    @classmethod
    def checked(cls, **given: Any) -> Self:
        """Settings from values by name (``None`` leaves one as it is).

        Raises
        ------
        InputError
            If a name is unknown or a value is out of range; the message names the setting.
        """
        try:
            return cls.model_validate({key: value for key, value in given.items() if value is not None})
        except ValidationError as error:
            first = error.errors()[0]
            where = str(first["loc"][0]) if first["loc"] else "setting"
            unknown = first["type"] == "extra_forbidden"
            fault = "is no setting of this method." if unknown else f"{first['input']!r} does not do: {first['msg']}."
            raise InputError(where, fault, cls._remedy(where)) from error

    @classmethod
    def _remedy(cls, name: str) -> str:
        field = cls.model_fields.get(name)
        if field is None:
            return f"The settings are: {', '.join(cls.model_fields)}."
        return f"The default is {field.default!r}" + (f" ({field.description})." if field.description else ".")
