"""Each citation names an existing document and heading of this repository."""

import re
import subprocess
from collections import Counter
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PLACES = ("functions", "shared", "infra", "tests", "docs", "terraform", "*.md", ".env.example", "Makefile")
# Documents that are not in this repository, and numbers that a reader cannot look up.
NOT_IN_REPOSITORY = re.compile(r"\bPRODUCT\b|\bfacts, [a-z]+ \d|\b[Ll]aws? \d")
CITATION = re.compile(r"\bdocs/[\w./-]+\.(?:md|svg)(?:#[\w-]+)?")
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)|\b(?:src|srcset|href)=\"([^\"]+)\"")
CODE = re.compile(r"^```.*?^```$|`[^`\n]*`", re.MULTILINE | re.DOTALL)


@cache
def tracked_texts() -> dict[str, str]:
    """Return every tracked text of the places in which documents are cited, except this one, by its path."""
    listed = ["git", "ls-files", "--", *PLACES]
    names = subprocess.run(listed, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    read = {name: (ROOT / name).read_bytes() for name in names if ROOT / name != Path(__file__)}
    return {name: content.decode() for name, content in read.items() if b"\0" not in content}


def slug(heading: str) -> str:
    """Return the anchor GitHub gives a heading: lower case, no punctuation, hyphens for spaces."""
    shown = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading)
    return re.sub(r"[^\w\- ]", "", shown.lower()).strip().replace(" ", "-")


@cache
def anchors(document: Path) -> frozenset[str]:
    """Return the anchors of a document; GitHub numbers a heading that repeats."""
    prose = re.sub(r"^```.*?^```$", "", document.read_text(), flags=re.MULTILINE | re.DOTALL)
    seen: Counter[str] = Counter()
    found = set()
    for name in map(slug, re.findall(r"^#{1,6} +(.+?) *#*$", prose, re.MULTILINE)):
        found.add(f"{name}-{seen[name]}" if seen[name] else name)
        seen[name] += 1
    return frozenset(found)


def is_broken(target: str, folder: Path) -> bool:
    path, _, anchor = target.partition("#")
    document = (folder / path).resolve()
    return not document.exists() or bool(anchor and anchor not in anchors(document))


def links(text: str) -> list[str]:
    """Return the targets of a document's links that lie in the repository."""
    targets = [first or second for first, second in LINK.findall(CODE.sub("", text))]
    return [target for target in targets if not re.match(r"[a-z]+:|/", target)]


def documents() -> list[str]:
    return sorted(name for name in tracked_texts() if name.endswith(".md"))


@pytest.mark.parametrize(
    ("heading", "anchor"),
    [
        ("Sign-in", "sign-in"),
        ("Names on the wire", "names-on-the-wire"),
        ("What is `line.py`, exactly?", "what-is-linepy-exactly"),
    ],
)
def test_a_slug_is_the_one_of_github(heading: str, anchor: str):
    assert slug(heading) == anchor


def test_a_cited_document_and_heading_exist():
    cited = [(name, target) for name, text in tracked_texts().items() for target in CITATION.findall(text)]
    assert len(cited) > 80
    assert [(name, target) for name, target in cited if is_broken(target, ROOT)] == []


@pytest.mark.parametrize("document", documents())
def test_a_link_leads_to_a_file_and_a_heading(document: str):
    folder = (ROOT / document).parent
    own = (ROOT / document).name
    targets = [f"{own}{target}" if target.startswith("#") else target for target in links(tracked_texts()[document])]
    assert [target for target in targets if is_broken(target, folder)] == []


def test_no_text_cites_what_is_not_in_the_repository():
    lines = [(name, line.strip()) for name, text in tracked_texts().items() for line in text.splitlines()]
    assert [(name, line) for name, line in lines if NOT_IN_REPOSITORY.search(line)] == []
