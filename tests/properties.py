"""Properties that hold for whatever hypothesis thinks of: few examples each time, many among the slow tests."""

import pytest
from hypothesis import HealthCheck, given, settings

EXAMPLES = pytest.mark.parametrize("examples", [40, pytest.param(3000, marks=pytest.mark.slow)])
"""Gives a test the number of examples to ask for."""


def for_all(examples, *strategies):
    """Check a property, right away, for so many examples; the same ones every time."""

    def check(holds):
        calm = [HealthCheck.too_slow, HealthCheck.data_too_large]
        steady = settings(
            max_examples=examples, derandomize=True, database=None, deadline=None, suppress_health_check=calm
        )
        steady(given(*strategies)(holds))()

    return check
