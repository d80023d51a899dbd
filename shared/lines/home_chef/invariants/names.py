"""What must hold of what only this line knows."""

NAMES = (
    "shared.lines.home_chef.invariants.a_visit_without_a_chef_is_before_a_person",
    "shared.lines.home_chef.invariants.each_side_earns_its_part",
    "shared.lines.home_chef.invariants.every_refund_of_a_visit_has_its_credit_note",
    "shared.lines.home_chef.invariants.moving_gives_back_the_difference",
    "shared.lines.home_chef.invariants.nobody_is_in_two_places",
    "shared.lines.home_chef.invariants.offers_end_in_time",
    "shared.lines.home_chef.invariants.offers_say_who_is_asked",
    "shared.lines.home_chef.invariants.prices_are_the_tariffs",
    "shared.lines.home_chef.invariants.ratings_are_those_given",
    "shared.lines.home_chef.invariants.visits_are_whole",
    "shared.lines.home_chef.invariants.what_was_quoted_is_charged",
)
