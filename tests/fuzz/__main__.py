"""Damage files of every kind a hundred thousand times and count what happens: ``python tests/fuzz --count 130000``.

Seeded: the same count and seed give the same files. ``--kind field --only 17`` repeats one case and tells its story.
Linux only, for the limit on memory.
"""

import argparse
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from fuzz.campaign import OUTCOMES, Result, run
from fuzz.kinds import KINDS


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=130_000, help="files in all")
    parser.add_argument("--first", type=int, default=0, help="first case of each kind: for a run in pieces")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--kind", default="", help="only kinds whose name has this in it")
    parser.add_argument("--only", type=int, help="one case")
    given = parser.parse_args()
    result, start = Result(), time.monotonic()
    chosen = [index for index, kind in enumerate(KINDS) if given.kind in kind.name]
    cases = range(given.first, given.first + given.count // len(chosen))
    for index in chosen:
        run(index, cases if given.only is None else [given.only], given.seed, result)
        print(f"{KINDS[index].name}: {dict(result.counts[KINDS[index].name])}", file=sys.stderr, flush=True)
    print(table(result))
    for finding in result.findings:
        print(*finding, sep=" | ")
    print(
        f"{sum(c.total() for c in result.counts.values())} files, {time.monotonic() - start:.0f} s, seed {given.seed}"
    )
    return int(bool(result.findings))


def table(result):
    rows = [["kind", "files", *OUTCOMES.values()], ["---"] * (len(OUTCOMES) + 2)]
    rows += [[name, counts.total(), *(counts[o] for o in OUTCOMES)] for name, counts in result.counts.items()]
    rows.append(["all", *(sum(row[i] for row in rows[2:]) for i in range(1, len(OUTCOMES) + 2))])
    return "\n".join(f"| {' | '.join(map(str, row))} |" for row in rows)


if __name__ == "__main__":
    sys.exit(main())
