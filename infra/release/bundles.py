"""`make bundles`: one archive per function in var/bundles, with only the files that the function may use.

`python -m infra.release.bundles [ENVIRONMENT]`: for the database and lines of business in that environment's tfvars;
without an argument, for a database by URL and all lines.

Builds are reproducible: names are sorted, times and modes fixed, and files stored uncompressed, because zlib's output
differs between its builds. The uploaded object's name contains the hash, so that a function is deployed only when one
of its files has changed. Terraform reads `manifest.json`:
`{function: {"object": "functions/<function>/<sha256>.zip", "path": "var/bundles/<function>.zip", "sha256": …}}`.
"""

import io
import json
import re
import sys
import zipfile
from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Final

from infra.local.functions import EVERY_LINE, LIST, default_lines, functions
from infra.release.closure import Tree, closure
from infra.release.requirements import Unpinned, pins, requirements

BUNDLES: Final = Path("var/bundles")
THE_TIME: Final = (1980, 1, 1, 0, 0, 0)  # the earliest that a ZIP archive can store
PLAIN_FILE: Final = 0o100644 << 16
UNIX: Final = 3
ENVIRONMENTS: Final = Path("terraform/environments")
# Additions for an environment's database: modules shipped with other modules, and a file that pins their libraries.
BESIDE: Final = {"cloud_sql": {"infra.postgres.address": "infra.postgres.cloud_sql"}}
ON_TOP: Final = {"cloud_sql": "requirements-cloud-sql.txt"}


class UnknownLine(Exception):
    """An environment names a line of business that is not in the tree."""


Manifest = dict[str, dict[str, str]]


def build(root: Path, out: Path, database: str = "neon", lines: Sequence[str] = EVERY_LINE) -> Manifest:
    """Write the archive of each function of the tree at `root`, and the manifest, to `root / out`.

    Raises Unpinned for a library without a version, UnknownLine for a line that is not in the tree.
    """
    running = lines_of_tree(root, lines)
    tree, pinned = Tree(root), pins(root / "requirements.txt")
    if database in ON_TOP:
        pinned |= pins(root / ON_TOP[database])
    (root / out).mkdir(parents=True, exist_ok=True)
    manifest: Manifest = {}
    for one in functions(root / LIST, running):
        name, needed = one.name, closure(tree, one.name, BESIDE.get(database), running, of=one.lines)
        content = {path: (root / path).read_bytes() for path in needed.files}
        content["requirements.txt"] = requirements(needed.imported, pinned).encode()
        packed = archive(content)
        digest = sha256(packed).hexdigest()
        path = out / f"{name}.zip"
        (root / path).write_bytes(packed)
        manifest[name] = {"object": f"functions/{name}/{digest}.zip", "path": path.as_posix(), "sha256": digest}
    (root / out / "manifest.json").write_text(json.dumps(manifest, indent=2, sort_keys=True) + "\n")
    return manifest


def archive(content: Mapping[str, bytes]) -> bytes:
    """Return a ZIP archive of these files that depends only on their names and bytes."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_STORED) as archived:
        for name in sorted(content):
            entry = zipfile.ZipInfo(name, THE_TIME)
            entry.create_system, entry.external_attr = UNIX, PLAIN_FILE
            archived.writestr(entry, content[name])
    return packed.getvalue()


def database_of(environment: Path) -> str:
    """Return the value of `database` in an environment's tfvars."""
    named = re.search(r'^database\s*=\s*"(\w+)"', environment.read_text(), re.MULTILINE)
    return named[1] if named else "neon"


def lines_of(environment: Path) -> tuple[str, ...]:
    """Return the value of `lines` in an environment's tfvars, or the default lines."""
    named = re.search(r"^lines\s*=\s*\[([^\]]*)\]", environment.read_text(), re.MULTILINE)
    return tuple(re.findall(r'"([^"]+)"', named[1])) if named else default_lines()


def lines_of_tree(root: Path, lines: Sequence[str]) -> list[str]:
    """Return the names of these lines, each a folder of `shared/lines` (`all`: every one). Raises UnknownLine."""
    known = sorted(path.parent.name for path in root.glob("shared/lines/*/line.py"))
    if unknown := set(lines) - {*known, *EVERY_LINE}:
        raise UnknownLine(f"no line of business is called {', '.join(sorted(unknown))}")
    return known if "all" in lines else list(lines)


def main(environment: str = "") -> None:
    tfvars = ENVIRONMENTS / f"{environment}.tfvars"
    database, lines = (database_of(tfvars), lines_of(tfvars)) if environment else ("neon", EVERY_LINE)
    try:
        manifest = build(Path.cwd(), BUNDLES, database, lines)
    except (Unpinned, UnknownLine) as problem:
        sys.exit(f"No bundles: {problem}")
    for built in manifest.values():
        size = Path(built["path"]).stat().st_size // 1024
        sys.stdout.write(f"{built['path']:<28}{size:>5} kB  {built['sha256'][:12]}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
