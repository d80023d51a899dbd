"""The whole system runs on the archives that are uploaded."""

from pathlib import Path

from infra.local import journey
from tests.system import start_system


def test_the_bundles_play_a_booking_to_completion_and_one_paid_too_late(archives: Path, tmp_path: Path):
    """Fails when a module is imported late, by a handler, a job or a getter of the wiring, and is not in the bundle."""
    with start_system(tmp_path / "system", "--bundles", str(archives)) as system:
        journey.play(system.url, system.env["DATABASE_URL"])
        for name in ("sweep", "expire", "deadlines", "reconcile"):
            assert system.run_job(name) is not None
        assert "ModuleNotFoundError" not in "".join(system.logs().values())
