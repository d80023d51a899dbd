"""`python -m functions.web.openapi` writes functions/docs/openapi/*.json, which the docs function merges and serves.

With `--check` it writes nothing and exits 1 if a file is out of date.
"""

import json
import sys
from collections.abc import Sequence
from pathlib import Path

from functions.web.openapi.document import parts

PARTS = Path(__file__).parents[2] / "docs" / "openapi"


def main(arguments: Sequence[str]) -> None:
    texts = {f"{name}.json": json.dumps(part, indent=2, ensure_ascii=False) + "\n" for name, part in parts().items()}
    if "--check" not in arguments:
        for name, text in texts.items():
            (PARTS / name).write_text(text)
    elif {file.name: file.read_text() for file in PARTS.glob("*.json")} != texts:
        sys.exit(f"{PARTS.name}/ is out of date: run `python -m functions.web.openapi`")


if __name__ == "__main__":
    main(sys.argv[1:])
