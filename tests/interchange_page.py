"""What the page on interchange has its readers type."""

import re
from pathlib import Path

PAGE = (Path(__file__).parents[1] / "docs" / "interchange.md").read_text(encoding="utf-8")

BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
"""Language and code of each block, in order."""

COMMANDS = [line for language, code in BLOCKS if language == "bash" for line in code.splitlines()]


def run_python(code, names):
    """Run a block of Python among the names that others have made."""
    exec(compile(code, "interchange.md", "exec"), names)
