"""Who gets a place, and who gives way."""

from kotaemon_async.http.connection_places import ConnectionPlaces, Phase, Place


class Guest:
    """Notes that it had to go."""

    def __init__(self) -> None:
        self.is_gone = False

    def give_way(self) -> None:
        self.is_gone = True


def entered(places: ConnectionPlaces, count: int, host: str = "127.0.0.1", at_s: float = 0.0) -> list[Place]:
    found = [places.enter(Guest(), host, at_s) for _ in range(count)]
    return [one for one in found if one is not None]


def gone(places: list[Place]) -> list[bool]:
    return [one.guest.is_gone for one in places if isinstance(one.guest, Guest)]


def test_the_one_that_has_waited_longest_gives_way() -> None:
    places = ConnectionPlaces(3)
    first = entered(places, 3)
    places.move(first[1], Phase.IDLE, 0.5)
    places.move(first[0], Phase.IDLE, 1.0)
    entered(places, 1, at_s=2.0)
    assert gone(first) == [False, True, False]
    assert places.taken == 3


def test_an_idle_one_goes_before_one_that_sends_and_a_head_before_a_body() -> None:
    places = ConnectionPlaces(3)
    body, head, idle = entered(places, 3)
    for one, phase in ((body, Phase.BODY), (head, Phase.HEAD), (idle, Phase.IDLE)):
        places.move(one, phase, 0.0)
    for expected in ([False, False, True], [False, True, True], [True, True, True]):
        new = entered(places, 1, at_s=10.0)
        places.move(new[0], Phase.REPLY, 10.0)
        assert gone([body, head, idle]) == expected


def test_who_has_just_begun_to_send_or_is_being_answered_keeps_its_place() -> None:
    places = ConnectionPlaces(2)
    kept = entered(places, 2)
    places.move(kept[0], Phase.HEAD, 9.5)
    places.move(kept[1], Phase.REPLY, 0.0)
    assert entered(places, 1, at_s=10.0)[0].is_spare
    assert gone(kept) == [False, False]


def test_spare_places_are_few_and_the_oldest_gives_way() -> None:
    places = ConnectionPlaces(1, spare=2)
    places.move(entered(places, 1)[0], Phase.REPLY, 0.0)
    spare = entered(places, 3)
    assert [one.is_spare for one in spare] == [True] * 3
    assert gone(spare) == [True, False, False]
    for one in spare:
        places.move(one, Phase.REPLY, 0.0)
    assert places.enter(Guest(), "127.0.0.1", 1.0) is None


def test_one_address_cannot_take_all_places() -> None:
    places = ConnectionPlaces(8)
    for one in entered(places, 6, "192.0.2.7"):
        places.move(one, Phase.REPLY, 0.0)
    assert entered(places, 1, "192.0.2.7")[0].is_spare
    assert not entered(places, 1, "192.0.2.8")[0].is_spare


def test_an_address_with_its_share_makes_room_among_its_own() -> None:
    places = ConnectionPlaces(8)
    others, own = entered(places, 2, "192.0.2.8"), entered(places, 6, "2001:db8::1")
    new = entered(places, 1, "2001:db8::2", at_s=1.0)
    assert not new[0].is_spare
    assert (gone(others), gone(own)) == ([False, False], [True] + [False] * 5)


def test_a_place_is_given_back_once() -> None:
    places = ConnectionPlaces(2)
    one, other = entered(places, 2, "192.0.2.7")
    places.leave(one)
    places.leave(one)
    assert places.taken == 1
    assert not entered(places, 1, "192.0.2.8")[0].is_spare
    assert gone([other]) == [False]
