"""The public form of a chef's name."""

import pytest

from shared.lines.home_chef.views import public_name


@pytest.mark.parametrize(
    ("name", "shown"),
    [("Asha Nair", "Asha N."), ("Asha Devi Nair", "Asha N."), ("Asha", "Asha"), (" அஷா  நாயர் ", "அஷா ந."), (None, None)],
)
def test_the_last_name_is_only_how_it_begins(name, shown):
    assert public_name(name) == shown
