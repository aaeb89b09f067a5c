"""A collection that is added to is the collection that would have been made of the same objects at once."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from include.twin.payments_listing import Listing
from include.twin.payments_objects import Item

OBJECTS = st.lists(
    st.fixed_dictionaries(
        {
            "id": st.sampled_from("abcdefgh"),
            "created": st.integers(0, 4),
            "payout": st.sampled_from(["", "po_1"]),
        }
    ),
    max_size=12,
    unique_by=lambda facts: facts["id"],
)


def item(facts: dict[str, Any]) -> Item:
    return Item({"id": facts["id"], "created": facts["created"]}, facts["payout"])


def told(listing: Listing) -> tuple[object, ...]:
    ids = [one.id for one in listing.items]
    bounds = {one: (listing.first_at[one], listing.after[one]) for one in ids}
    return ids, bounds, listing.of_payout("po_1"), listing.of_payout("po_2")


@given(before=OBJECTS, later=OBJECTS)
def test_putting_one_by_one_is_making_it_at_once(
    before: list[dict[str, Any]], later: list[dict[str, Any]]
) -> None:
    listing = Listing("charges", map(item, before))
    for facts in later:
        kept = {one["id"]: one for one in before}.get(facts["id"])
        listing.put(item({**facts, "payout": kept["payout"]} if kept else facts))
    merged = {one["id"]: one for one in before}
    for facts in later:
        merged[facts["id"]] = {**facts, "payout": merged.get(facts["id"], facts)["payout"]}
    assert told(listing) == told(Listing("charges", map(item, merged.values())))


def test_those_of_one_id_stand_together_in_the_order_they_came() -> None:
    twice = [Item({"id": "a", "created": 1, "n": n}) for n in (1, 2)]
    listing = Listing("charges", [*twice, Item({"id": "b", "created": 3})])
    assert [one.body.get("n") for one in listing.items] == [None, 1, 2]
    assert (listing.first_at["a"], listing.after["a"]) == (1, 3)
    listing.put(Item({"id": "a", "created": 1, "n": 3}))
    assert [one.body.get("n") for one in listing.items] == [None, 3]


@given(objects=OBJECTS, created=st.integers(0, 5))
def test_nothing_that_was_created_then_or_later_is_out_of_reach(
    objects: list[dict[str, Any]], created: int
) -> None:
    listing = Listing("charges", map(item, objects))
    late = [one for one in listing if one.created >= created]
    assert listing[: listing.since(created)] == late
