"""Serviceability of a place: circles before pincodes before the city; a disabled city is never served (docs/product.md#serviceability)."""

import pytest

from shared.places.serviceability import Circle, Coverage, Decision, Place, ServedLocation, _km, decide

CITY = ServedLocation("city", None, is_serviceable=True)
CITY_OFF = ServedLocation("city", None, is_serviceable=False)
BANDRA = Circle("city", "Bandra", 19.0596, 72.8295, 10.0)
INSIDE, FAR = (19.0600, 72.8300), (19.9975, 73.7898)  # a street in Bandra; Nashik


def pincode(code, *, on=True):
    return ServedLocation(code, code, is_serviceable=on)


def at(point=(None, None), code="400050"):
    return Place("Mumbai", code, *point)


def yes(rule, area=None):
    return Decision(serviceable=True, rule=rule, area=area)


def no(rule):
    return Decision(serviceable=False, rule=rule)


def test_a_city_without_rows_is_unknown():
    assert decide(at(INSIDE), Coverage([], [])) == no("unknown_city")


def test_with_coordinates_a_circle_of_the_city_takes_the_place_and_is_named():
    assert decide(at(INSIDE), Coverage([CITY], [BANDRA])) == yes("area", "Bandra")


def test_with_coordinates_outside_every_circle_the_city_does_not_help():
    assert decide(at(FAR), Coverage([CITY], [BANDRA])) == no("area")


def test_with_coordinates_outside_every_circle_a_served_pincode_does_not_help():
    assert decide(at(FAR), Coverage([CITY, pincode("400050")], [BANDRA])) == no("area")


def test_inside_a_circle_a_pincode_that_is_not_listed_does_not_harm():
    assert decide(at(INSIDE, "400999"), Coverage([CITY, pincode("400050")], [BANDRA])) == yes("area", "Bandra")


def test_one_circle_of_several_is_enough():
    nashik = Circle("city", "Nashik", *FAR, 5.0)
    assert decide(at(FAR), Coverage([CITY], [BANDRA, nashik])) == yes("area", "Nashik")


@pytest.mark.parametrize("point", [(None, None), (19.06, None), (None, 72.83)])
def test_without_both_coordinates_circles_do_not_decide(point):
    assert decide(at(point), Coverage([CITY], [BANDRA])) == yes("city")


def test_coordinates_at_zero_are_coordinates():
    assert decide(at((0.0, 0.0)), Coverage([CITY], [BANDRA])) == no("area")


@pytest.mark.parametrize(
    ("code", "decision"), [("400050", yes("pincode")), ("400999", no("pincode")), (None, no("pincode"))]
)
def test_a_city_with_pincode_rows_serves_those_pincodes(code, decision):
    assert decide(at(code=code), Coverage([pincode("400050"), pincode("400051")], [])) == decision


def test_a_city_with_pincode_rows_serves_only_those_also_beside_a_row_of_the_whole_city():
    assert decide(at(code="400999"), Coverage([CITY, pincode("400050")], [])) == no("pincode")


def test_a_city_without_pincodes_serves_every_place_of_it():
    assert decide(at(INSIDE), Coverage([CITY], [])) == yes("city")
    assert decide(at(code=None), Coverage([CITY], [])) == yes("city")


def test_a_switched_off_city_says_no_inside_a_circle_and_at_a_served_pincode():
    assert decide(at(INSIDE), Coverage([CITY_OFF, pincode("400050")], [BANDRA])) == no("switched_off")


def test_a_switched_off_pincode_says_no_inside_a_circle_of_the_city():
    assert decide(at(INSIDE), Coverage([CITY, pincode("400050", on=False)], [BANDRA])) == no("switched_off")


def test_a_switched_off_pincode_says_nothing_about_the_next_one():
    rows = [pincode("400050", on=False), pincode("400051")]
    assert decide(at(code="400051"), Coverage(rows, [])) == yes("pincode")
    assert decide(at(code="400052"), Coverage(rows, [])) == no("pincode")


def test_a_city_all_of_whose_pincodes_are_off_is_not_served_as_a_whole():
    assert decide(at(code="400099"), Coverage([pincode("400050", on=False)], [])) == no("pincode")


def test_the_circles_of_a_switched_off_location_do_not_count():
    circle = Circle("400050", "Bandra", 19.0596, 72.8295, 10.0)
    rows = [pincode("400050", on=False), pincode("400051")]
    assert decide(at(INSIDE, "400051"), Coverage(rows, [circle])) == yes("pincode")


def test_the_edge_of_a_circle_belongs_to_it():
    distance = _km(at(INSIDE), BANDRA)
    edge = Circle("city", "Edge", BANDRA.latitude, BANDRA.longitude, distance)
    short = Circle("city", "Short", BANDRA.latitude, BANDRA.longitude, distance * (1 - 1e-12))
    assert decide(at(INSIDE), Coverage([CITY], [edge])) == yes("area", "Edge")
    assert decide(at(INSIDE), Coverage([CITY], [short])) == no("area")


@pytest.mark.parametrize(
    ("one", "other", "km"),
    [
        ((0.0, 0.0), (0.0, 0.0), 0.0),
        ((0.0, 0.0), (0.0, 1.0), 111.195),
        ((0.0, 0.0), (1.0, 0.0), 111.195),
        ((60.0, 0.0), (60.0, 1.0), 55.597),  # a degree of longitude is half as wide there
        ((0.0, 179.5), (0.0, -179.5), 111.195),  # across the date line
        ((90.0, 0.0), (-90.0, 0.0), 20_015.115),
        ((19.0760, 72.8777), (28.6139, 77.2090), 1_148.1),  # Mumbai to Delhi
    ],
)
def test_distances_are_great_circles(one, other, km):
    assert _km(Place("x", None, *one), Circle("city", "x", *other, 1.0)) == pytest.approx(km, rel=1e-3)
