"""Starts this tree's release on a database that a later release has migrated."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path.cwd()))

from infra.local import dev

dev.migrate = lambda _: None
sys.exit(dev.main())
