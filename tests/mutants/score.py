"""Which mutants to try, and what became of them."""

import ast
import math
import re
from collections import Counter
from dataclasses import dataclass, field

import numpy as np

PACKAGES = ("signal_model", "io", "sampling")

OUTCOMES = {1: "failed", 3: "failed", 0: "survived", 33: "no test", 5: "no test", -24: "too long", 36: "too long"}
"""What exit codes of pytest and of mutmut mean; any other is an end by a signal."""

NOTICED = ("failed", "too long", "crashed")


@dataclass
class Score:
    """Outcomes by package."""

    counts: dict = field(default_factory=lambda: {package: Counter() for package in PACKAGES})

    @staticmethod
    def noticed(code):
        return OUTCOMES.get(code, "crashed") in NOTICED

    def add(self, name, code, diff):
        counts = self.counts[package_of(name)]
        counts[OUTCOMES.get(code, "crashed")] += 1
        counts["wording"] += wording(diff)

    def share(self):
        """Lowest share noticed in any package that was tried."""
        return min((share(counts) for counts in self.counts.values() if tried(counts)), default=0.0)


def package_of(name):
    return name.split(".")[1]


def module_of(name):
    return name.split(".")[2]


def chosen(names, most, seed):
    """At most so many of each package, by chance but the same for one seed, whatever the order of the names."""
    picked = []
    for package in PACKAGES:
        own = sorted(name for name in names if package_of(name) == package)
        rng = np.random.default_rng([seed, PACKAGES.index(package)])
        picked += own if most is None else [own[i] for i in rng.permutation(len(own))[:most]]
    return picked


def tried(counts):
    return counts.total() - counts["wording"]


def share(counts, but_wording=False):
    left_out = counts["wording"] if but_wording else 0
    return sum(counts[outcome] for outcome in NOTICED) / max(tried(counts) - left_out, 1)


def interval(counts):
    """Wilson's 95 % interval of the share noticed."""
    n, p, z = max(tried(counts), 1), share(counts), 1.96
    middle, half = p + z**2 / (2 * n), z * math.sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
    return (middle - half) / (1 + z**2 / n), (middle + half) / (1 + z**2 / n)


def wording(diff):
    """Whether a change is one of words alone: of a text with a blank in it, which only people read."""
    before, after = (re.findall(rf"^\{sign}(?!\{sign}\{sign})(.*)$", diff, re.MULTILINE) for sign in "-+")
    if len(before) != 1 or len(after) != 1:
        return False
    old, new = (re.findall(r'"[^"]*"', line[0]) for line in (before, after))
    bare = [re.sub(r'"[^"]*"', '""', line[0]) for line in (before, after)]
    changed = [a for a, b in zip(old, new, strict=False) if a != b]
    return bare[0] == bare[1] and len(changed) == 1 and " " in ast.literal_eval(changed[0])


def table(score, names):
    rows = [
        "| package | mutants | tried | noticed | of these, too long or crashed | not noticed | no test | share | 95 % |"
        " share but for wording |",
        "|---" * 10 + "|",
    ]
    for package, counts in score.counts.items():
        if not tried(counts):
            continue
        low, high = interval(counts)
        ends = counts["too long"] + counts["crashed"]
        cells = [package, sum(package_of(n) == package for n in names), tried(counts), counts["failed"] + ends, ends]
        cells += [counts["survived"], counts["no test"], f"{share(counts):.1%}", f"{low:.1%} to {high:.1%}"]
        rows.append(f"| {' | '.join(map(str, [*cells, f'{share(counts, True):.1%}']))} |")
    return "\n".join(rows)
