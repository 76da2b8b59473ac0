"""The pages that users read: README and docs, their fenced code and their links."""

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
_GENERATED = {"_build", "gallery", "generated"}
PAGES = [
    README,
    *sorted(page for page in (ROOT / "docs").rglob("*.md") if not _GENERATED & set(page.relative_to(ROOT).parts)),
]

REPOSITORY = "https://github.com/napari-smi-inr/napari-smi-inr"
RAW = "https://raw.githubusercontent.com/napari-smi-inr/napari-smi-inr/main/"
SITE = "https://napari-smi-inr.github.io/napari-smi-inr/"

_FENCE = re.compile(r"^```(\S*)[^\n]*\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\]\(([^)\s]+)\)|^\[[^]]+\]: (\S+)$", re.MULTILINE)


@dataclass(frozen=True)
class Block:
    """One fenced piece of a page: the language it names, if any, and what it holds."""

    page: str
    line: int
    language: str
    code: str

    def __str__(self):
        return f"{self.page}:{self.line}"


def text_of(page):
    return page.read_text(encoding="utf-8")


def name_of(page):
    return page.relative_to(ROOT).as_posix()


def blocks(page):
    text = text_of(page)
    return [
        Block(name_of(page), text[: found.start()].count("\n") + 2, found[1], found[2])
        for found in _FENCE.finditer(text)
    ]


def commands(block):
    """The commands of a piece, continued lines joined, comments left out; of a session only what was typed."""
    lines = block.code.replace("\\\n", " ").splitlines()
    if block.language == "console":
        lines = [line.removeprefix("$ ") for line in lines if line.startswith("$ ")]
    return [line.strip() for line in lines if line.strip() and not line.lstrip().startswith("#")]


def without_code(text):
    return re.sub(r"`[^`\n]+`", "", _FENCE.sub("", text))


def link_targets(page):
    """Where the page's links lead, those to code and to the outside left out: paths that should exist."""
    found = [inline or reference for inline, reference in _LINK.findall(without_code(text_of(page)))]
    return [path for target in found if (path := _in_tree(target.partition("#")[0], page.parent)) is not None]


def _in_tree(target, folder):
    """The file behind a relative link, or behind an absolute one to this project."""
    if target.startswith(SITE + "gallery/"):
        return ROOT / "docs" / "examples"
    if target.startswith(SITE):
        return ROOT / "docs" / target.removeprefix(SITE).replace(".html", ".md")
    for home in (RAW, f"{REPOSITORY}/blob/main/", f"{REPOSITORY}/tree/main/"):
        if target.startswith(home):
            return ROOT / target.removeprefix(home)
    outside = not target or re.match(r"\w+:", target)
    return None if outside else folder / target
