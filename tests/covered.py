"""How many lines and branches of the source the tests ran through; fails below what is agreed.

``coverage report --fail-under`` knows one number for both together; here each has its own.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

LEAST = {"statements": 95.0, "branches": 90.0}


def main():
    print(
        subprocess.run([sys.executable, "-m", "coverage", "report"], check=True, capture_output=True, text=True).stdout
    )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "coverage.json"
        subprocess.run([sys.executable, "-m", "coverage", "json", "-q", "-o", path], check=True)
        totals = json.loads(path.read_text())["totals"]
    shares = {what: totals[f"percent_{what}_covered"] for what in LEAST}
    for what, share in shares.items():
        print(f"{what}: {share:.1f} % covered, {LEAST[what]:g} % asked for")
    return int(any(share < LEAST[what] for what, share in shares.items()))


if __name__ == "__main__":
    sys.exit(main())
