"""Every bad input gives a message that names the file, the fault and the remedy."""

import gzip
import os

import numpy as np
import pytest

from bad_inputs import CASES, arguments
from napari_smi_inr.errors import InputError
from napari_smi_inr.io.scan import load_scan


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_bad_input_is_named_and_explained(scan, case):
    case.spoil(scan)
    with pytest.raises(InputError, match=case.fault) as caught:
        load_scan(**arguments(scan, case.arguments))
    error = caught.value
    assert error.where.endswith(case.where)
    assert error.fault.endswith(".")
    assert error.remedy.endswith(".")
    assert "\n" not in str(error)


def test_a_file_one_may_not_read_is_refused(scan):
    scan.dwi.chmod(0)
    if os.access(scan.dwi, os.R_OK):
        pytest.skip("this user may read every file")
    with pytest.raises(InputError, match="permissions"):
        load_scan(scan.dwi)


def test_random_damage_to_the_header_never_escapes_as_another_error(scan):
    sound = scan.dwi.read_bytes()
    content = gzip.decompress(sound)
    rng = np.random.default_rng(0)
    refused = 0
    for _ in range(150):
        broken = bytearray(content)
        broken[rng.integers(348)] = rng.integers(256)
        scan.dwi.write_bytes(gzip.compress(broken, compresslevel=1))
        try:
            load_scan(scan.dwi)
        except InputError:
            refused += 1
    assert 0 < refused < 150
