"""What every refusal must be like: it names what is at fault, and says in sentences what is wrong and what to do."""

import re
from contextlib import contextmanager

import pytest

from napari_smi_inr.errors import InputError


@contextmanager
def refused(where, fault):
    """Expect a refusal that blames a file or an argument, its fault as a pattern."""
    with pytest.raises(InputError) as caught:
        yield caught
    assert caught.value.where == str(where)
    assert re.search(fault, caught.value.fault), caught.value.fault


def faults_of(error):
    """What is wrong with the wording of a refusal."""
    found = []
    if not error.where:
        found.append("it names nothing")
    for name in ("fault", "remedy"):
        text = getattr(error, name)
        if not isinstance(text, str) or not re.search(r"[a-z].*[.?]$", text, re.DOTALL):
            found.append(f"its {name} is no sentence: {text!r}")
    if isinstance(error.fault, str) and re.match(r"[A-Z]{2}", error.fault):
        found.append(f"its fault does not go on from a name: {error.fault!r}")
    if isinstance(error.remedy, str) and (error.remedy.isupper() or not re.match(r"[A-Z'\"]", error.remedy)):
        found.append(f"its remedy is not written as a sentence: {error.remedy!r}")
    return found
