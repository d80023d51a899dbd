"""Rate limits per customer: a 429 with Retry-After."""


def test_too_many_quotes_in_an_hour_are_a_429_that_says_when_to_come_back(system):
    guest = system.sign_in()
    body = guest.booking_body()
    first = guest.post("/customer/quotes", body, Idempotency_Key="first")
    assert first.status_code == 201, first.text
    system.sql(
        "insert into home_chef_quotes (id, customer_id, request, rate, breakdown, total, tariff, expires_at, created_at)"
        " select gen_random_uuid(), customer_id, request, rate, breakdown, total, tariff, expires_at, now() - interval '30 min'"
        " from home_chef_quotes, generate_series(1, 59) where id = :id",
        id=first.json()["id"],
    )
    refused = guest.post("/customer/quotes", body)
    assert (refused.status_code, refused.json()["code"]) == (429, "too_many_quotes")
    assert 1700 < int(refused.headers["Retry-After"]) <= 1800
    again = guest.post("/customer/quotes", body, Idempotency_Key="first")
    assert (again.status_code, again.json()) == (201, first.json())
