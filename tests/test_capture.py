"""The ring of a port's last frames: bounded in frames and octets, and a tag goes back to where it was."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from evbagent.capture import Captured, Ring


def frame(number: int, octets: int = 60) -> Captured:
    return Captured(float(number), sent=False, octets=bytes(octets))


def stamps(ring: Ring) -> list[float]:
    return [kept.stamp for kept in ring.frames]


def test_the_oldest_frames_make_room_for_the_newest() -> None:
    ring = Ring(frames=3, octets=1000)
    for number in range(5):
        ring.add(frame(number))
    assert (stamps(ring), ring.total) == ([2.0, 3.0, 4.0], 5)


def test_large_frames_leave_room_for_fewer() -> None:
    ring = Ring(frames=100, octets=3000)
    for number in range(4):
        ring.add(frame(number, 1000))
    assert stamps(ring) == [1.0, 2.0, 3.0]
    ring.add(frame(4, 2500))
    assert stamps(ring) == [4.0]
    ring.add(frame(5, 3001))
    assert stamps(ring) == []
    ring.add(frame(6))
    assert (stamps(ring), ring.total) == ([6.0], 7)


@given(st.lists(st.integers(0, 400), max_size=60), st.integers(1, 8), st.integers(1, 1000))
def test_what_is_kept_is_the_end_of_what_came_and_as_much_of_it_as_fits(
    sizes: list[int], frames: int, octets: int
) -> None:
    ring = Ring(frames, octets)
    for number, size in enumerate(sizes):
        ring.add(frame(number, size))
    kept = [len(each.octets) for each in ring.frames]
    assert kept == sizes[len(sizes) - len(kept) :]
    assert len(kept) <= frames
    assert sum(kept) <= octets


def test_a_tag_that_the_kernel_took_out_goes_back_behind_the_addresses() -> None:
    head, rest = bytes(range(12)), b"\x88\xcc rest"
    assert Captured(0.0, sent=False, octets=head + rest).whole == head + rest
    tagged = Captured(0.0, sent=False, octets=head + rest, tag=b"\x81\x00\xe0\x05")
    assert tagged.whole == head + b"\x81\x00\xe0\x05" + rest
