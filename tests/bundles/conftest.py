"""The archives as `make bundles` builds them from this tree, each unpacked into a folder of its own."""

import shutil
from pathlib import Path

import pytest

from infra.release import bundles

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def archives(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bundles")
    bundles.build(ROOT, folder)
    return folder


@pytest.fixture(scope="session")
def unpacked(archives: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The folder of each function, which holds its bundle and nothing else."""
    base = tmp_path_factory.mktemp("unpacked")
    for archive in archives.glob("*.zip"):
        shutil.unpack_archive(archive, base / archive.stem)
    return {folder.name: folder for folder in base.iterdir()}
