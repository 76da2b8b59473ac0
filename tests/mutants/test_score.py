"""The choice of mutants and the count of what became of them."""

import pytest

from mutants.score import PACKAGES, Score, chosen, interval, share, table, wording

NAMES = [f"napari_smi_inr.{package}.module.x_work__mutmut_{i}" for package in PACKAGES for i in range(50)]


def diff(before, after):
    return f"--- a.py\n+++ a.py\n@@ -1,2 +1,2 @@\n def work():\n-    {before}\n+    {after}\n"


def test_the_same_are_chosen_for_one_seed_and_more_of_them_are_the_same_and_others():
    few, more = chosen(NAMES, 10, 0), chosen(NAMES[::-1], 20, 0)
    assert len(few) == 30
    assert set(few) < set(more)
    assert set(chosen(NAMES, 10, 1)) != set(few)
    assert sorted(chosen(NAMES, None, 0)) == sorted(NAMES)


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ('fail("is not there.")', 'fail("XXis not there.XX")', True),
        ('fail("a", "is not there.")', 'fail("a", "IS NOT THERE.")', True),
        ('told["Units"] = 1', 'told["UNITS"] = 1', False),  # programs read it
        ('fail("is not there.")', "fail(None)", False),
        ("return a + b", "return a - b", False),
    ],
)
def test_wording_is_a_change_of_what_only_people_read(before, after, expected):
    assert wording(diff(before, after)) is expected


def test_endless_loops_and_crashes_are_noticed_and_missing_tests_are_not():
    score = Score()
    changes = [(1, ""), (3, ""), (-24, ""), (-11, ""), (0, diff('fail("is odd")', 'fail("IS ODD")')), (33, "")]
    for code, change in changes:
        score.add("napari_smi_inr.io.files.x_work__mutmut_1", code, change)
    counts = score.counts["io"]
    assert share(counts) == pytest.approx(4 / 6)
    assert share(counts, but_wording=True) == pytest.approx(4 / 5)
    assert score.share() == share(counts)
    assert "| io | 0 | 6 | 4 | 2 | 1 | 1 | 66.7% |" in table(score, [])


def test_the_interval_is_wilsons():
    """279 of 300, by the closed form."""
    score = Score()
    for code, times in ((1, 279), (0, 21)):
        for _ in range(times):
            score.add("napari_smi_inr.io.files.x_work__mutmut_1", code, "")
    assert interval(score.counts["io"]) == pytest.approx((0.8954, 0.9538), abs=2e-4)
