import pytest

from scan_files import AFFINES, small_dataset


@pytest.fixture(params=AFFINES, ids=str)
def affine(request):
    return AFFINES[request.param]


@pytest.fixture
def make_dataset():
    return small_dataset
