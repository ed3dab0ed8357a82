import rooms


def test_every_room_has_its_place_in_the_order():
    assert sorted(rooms.ORDER) == rooms.rooms()
    assert len(rooms.ORDER) <= 24


def test_imports_between_rooms_are_few_and_point_down():
    found = rooms.arrows()
    assert ("counting", "traffic") in found  # it sees something
    assert ("report", "study") in found
    assert rooms.upward(found) == []
    assert len(found) <= 120  # 110 before there was time, which is a room of its own


def test_what_counts_divides_and_prices_needs_no_simulation():
    apart = {"simulation", "counting", "timing"}
    assert not [arrow for arrow in rooms.arrows() if set(arrow) <= apart]
