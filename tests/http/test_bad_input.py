"""Invalid bodies are refused with the right code and field at every operation of the API's document.

The cases are generated (tests/http/bad_input.py), so that a new endpoint is attacked by being declared. One test sends
all of its cases for one operation; what was not refused as it should be is listed by field and case.
"""

import gzip
from collections.abc import Iterator

from tests.http.bad_input import BROKEN, Operation, bad, good, spelled
from tests.http.guests import EVERY, Complaints, Guests, each, wrong

MEGABYTE = 1024 * 1024
TAKING = [one for one in EVERY if one.fields and not one.is_callback]
CALLBACKS = [one for one in EVERY if one.is_callback]


@each(TAKING)
def test_a_bad_value_is_refused_and_its_field_is_named(guests: Guests, operation: Operation):
    """Seen to fail with bodies read leniently (`strict`), and with every spelling of a UUID taken that Python takes."""
    complaints = Complaints()
    for field, schema in operation.fields.items():
        body = guests.body(operation, field)
        for what, text in bad(schema):
            answer = guests.send(operation, spelled(body | {field: text}))
            complaints.about(f"{field} · {what}", wrong(answer, 422, "invalid", field))
    assert complaints == []


@each(TAKING)
def test_what_is_no_json_is_malformed_whichever_field_it_is_in(guests: Guests, operation: Operation):
    """A lone surrogate that came through would break the answer or the driver: a 500 for anybody who sends it."""
    complaints, body = Complaints(), guests.body(operation)
    for field in operation.fields:
        for what, text in BROKEN.items():
            answer = guests.send(operation, spelled(body | {field: text}))
            complaints.about(f"{field} · {what}", wrong(answer, 400, "malformed_json"))
    assert complaints == []


@each(TAKING)
def test_a_good_value_is_not_refused_for_its_field(guests: Guests, operation: Operation):
    """Without it, an endpoint that refuses everything would pass the others."""
    complaints = Complaints()
    for case, values in _good_bodies(guests, operation):
        answer = guests.send(operation, spelled(values))
        field = case.partition(" · ")[0]
        named = {error["field"] for error in answer.json().get("errors", [])} if answer.content else set()
        if answer.status_code in {400, 413, 415} or answer.status_code >= 500 or field in named:
            complaints.about(case, answer.text)
        elif str(answer.status_code) not in operation.statuses:
            complaints.about(case, f"{answer.status_code} is not documented")
        if case == "as shown" and answer.status_code == 422:
            complaints.about(case, answer.text)
    assert complaints == []


def _good_bodies(guests: Guests, operation: Operation) -> Iterator[tuple[str, dict[str, str]]]:
    yield "as shown", guests.body(operation)
    body = guests.body(operation)
    yield "only what is required", {name: body[name] for name in body if name in operation.required}
    for field, schema in operation.fields.items():
        for what, text in good(schema):
            if "@" not in text:  # the document's address is a person of the demo; the body as shown has one of nobody
                yield f"{field} · {what}", guests.body(operation, field) | {field: text}


@each([one for one in TAKING if one.required])
def test_a_missing_field_is_named(guests: Guests, operation: Operation):
    complaints, body = Complaints(), guests.body(operation)
    for field in operation.required:
        left = {name: text for name, text in body.items() if name != field}
        complaints.about(field, wrong(guests.send(operation, spelled(left)), 422, "invalid", field))
    for nothing in (b"", b"{}"):
        answer = guests.send(operation, nothing)
        complaints.about(repr(nothing), wrong(answer, 422, "invalid", *operation.required))
    assert complaints == []


@each(TAKING)
def test_an_unknown_field_of_a_body_is_refused_and_named(guests: Guests, operation: Operation):
    """Seen to fail with unknown fields ignored (`extra`)."""
    complaints, body = Complaints(), guests.body(operation)
    for name in ("nonsense", "id", "user_id", "role", "__proto__", "a.b", "\0", "Email", "naïve", "x" * 60):
        answer = guests.send(operation, spelled(body | {name: "1"}))
        complaints.about(repr(name), wrong(answer, 422, "invalid", name))
    for broken in (b'{"\\ud800": 1}', b'{"\xff": 1}'):
        complaints.about(repr(broken), wrong(guests.send(operation, broken), 400, "malformed_json"))
    assert complaints == []


@each(TAKING)
def test_the_answer_to_a_hundred_thousand_wrong_fields_is_short(guests: Guests, operation: Operation):
    """Fails when all of them are named: a megabyte would be answered with six, made in most of a second."""
    for body in (spelled({f"{n:x}": "1" for n in range(90_000)}), spelled({"x" * 1_000_000: "1"})):
        answer = guests.send(operation, body)
        assert wrong(answer, 422, "invalid") is None
        assert len(answer.content) < 10_000


@each(TAKING)
def test_a_repeated_field_is_refused_and_named(guests: Guests, operation: Operation):
    """Fails when the last one counts: what looks at a body before us may have believed the first."""
    complaints, body = Complaints(), guests.body(operation)
    for field, text in body.items():
        twice = spelled(body)[:-1] + b"," + spelled({field: text})[1:]
        complaints.about(field, wrong(guests.send(operation, twice), 422, "invalid", field))
    assert complaints == []


@each(TAKING)
def test_a_body_that_is_no_object_of_json_is_refused(guests: Guests, operation: Operation):
    complaints, fine = Complaints(), spelled(guests.body(operation))
    for text in (b"[]", b'["x"]', b'"x"', b"5", b"null", b"true", b"NaN", b"1e400", b"[" * 100 + b"]" * 100):
        complaints.about(repr(text[:20]), wrong(guests.send(operation, text), 422, "invalid", "body"))
    broken = [fine[:-1], fine + b"}", fine + fine, fine[:-1] + b",}", b"\xef\xbb\xbf" + fine, gzip.compress(fine)]
    broken += [fine.decode().encode("utf-16"), b"[" * 100_000, b'{"a":' * 100_000, b"{'a': 1}", b"a=1", b"\0"]
    broken += [fine[:-1] + b',"\xed\xa0\x80":1}', b"/**/" + fine, b"\xff", b"<a>1</a>"]
    for text in broken:
        complaints.about(repr(text[:20]), wrong(guests.send(operation, text), 400, "malformed_json"))
    assert complaints == []


@each(TAKING)
def test_a_body_of_another_or_no_type_is_refused(guests: Guests, operation: Operation):
    """Seen to fail with the check of the media type taken out of `Call.body`."""
    complaints, fine = Complaints(), spelled(guests.body(operation))
    for kind in ("", "text/plain", "text/json", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"):
        answer = guests.send(operation, fine, Content_Type=kind)
        complaints.about(kind or "none", wrong(answer, 415, "unsupported_media_type"))
    assert complaints == []


@each([one for one in EVERY if one.fields])
def test_a_body_over_a_megabyte_is_too_large_with_and_without_its_length(guests: Guests, operation: Operation):
    """Seen to fail without its length when only that is looked at (`Call.raw`)."""
    fine = spelled(guests.body(operation))
    whole = fine + b" " * (MEGABYTE + 1 - len(fine))
    for body in (whole, iter([whole[:600_000], whole[600_000:]])):
        answer = guests.send(operation, body, Connection="close")  # nobody reads the rest, so it is not used again
        assert wrong(answer, 413, "request_entity_too_large") is None


@each(CALLBACKS)
def test_a_callback_is_unsigned_whatever_its_body_holds(guests: Guests, operation: Operation):
    complaints = Complaints()
    written = {
        field: [*(text for _, text in bad(schema)), *BROKEN.values()] for field, schema in operation.fields.items()
    }
    others = [b"", b"{}", b"[]", b"null", b"5", b"\xff", b'{"response":"e30=","response":"e30="}']
    shown = {"X_VERIFY": ("", "x", "0" * 64 + "###1", "0" * 64 + "###" + "9" * 400, "###", "0" * 4_000 + "###1")}
    shown |= {"Authorization": ("", "0" * 64)}
    for header, field in (("X_VERIFY", "response"), ("Authorization", "payload")):
        for body in [*(spelled({field: text}) for text in written[field]), *others]:
            for signature in shown[header]:
                answer = guests.send(operation, body, **{header: signature})
                complaints.about(f"{body[:40]!r} signed {signature[:10]}", wrong(answer, 401, "invalid_signature"))
    assert complaints == []
