"""Every list of the API's document shows each existing row exactly once while rows are added."""

from collections import Counter
from typing import Any

import pytest

from tests.database.world import ROWS, World
from tests.http.bad_input import DOCUMENT, Operation, operations, resolved


def pages(operation: Operation) -> bool:
    answer = DOCUMENT["paths"][operation.path][operation.method.lower()]["responses"].get("200", {})
    schema = resolved(answer.get("content", {}).get("application/json", {}).get("schema", {}))
    return {"items", "next_cursor"} <= schema.get("properties", {}).keys()


LISTS = [one for one in operations() if pages(one)]


def ids(page: dict[str, Any]) -> list[str]:
    return [item.get("id") or item.get("booking_id") or item["day"] for item in page["items"]]


@pytest.mark.breaks_invariants("rows are stored one by one, without what belongs to them")
@pytest.mark.parametrize("operation", LISTS, ids=str)
def test_existing_rows_are_listed_once_while_rows_are_added(world: World, operation: Operation):
    """Seen to fail with a cursor that omits the id: all of these rows have the same instant."""
    add = ROWS.get(str(operation))
    assert add, f"say in tests/database/world.py how one more row comes into {operation}"
    for _ in range(5):
        add(world)
    there, page = ids(world.get(operation)), world.get(operation, limit=2)
    shown = ids(page)
    while page["next_cursor"]:
        add(world)
        page = world.get(operation, limit=2, cursor=page["next_cursor"])
        shown += ids(page)
    assert len(there) >= 5
    assert set(Counter(shown).values()) == {1}
    assert set(there) <= set(shown)
    assert len(ids(world.get(operation, limit=100))) > len(there)
