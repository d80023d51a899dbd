"""`python -m functions.web.openapi` writes functions/docs/openapi.json, which the docs function serves as it is.

With `--check` it writes nothing and exits 1 if the file is not what the code declares.
"""

import json
import sys
from collections.abc import Sequence

from functions.web.openapi.document import ROOT, document

DOCUMENT = ROOT / "functions" / "docs" / "openapi.json"


def main(arguments: Sequence[str]) -> None:
    text = json.dumps(document(), indent=2, ensure_ascii=False) + "\n"
    if "--check" not in arguments:
        DOCUMENT.write_text(text)
    elif not DOCUMENT.exists() or DOCUMENT.read_text() != text:
        sys.exit(f"{DOCUMENT.name} is not what the code declares: run `python -m functions.web.openapi`")


if __name__ == "__main__":
    main(sys.argv[1:])
