"""Where steps belong in a trace: worked out from facts, by anybody, to the same ids."""

from include.domain.trace_ids import Event, decided, looked_at, received, sent

EVENT = Event("payments", "evt_1")


def test_every_step_names_the_one_before_it_in_one_trace() -> None:
    first, look = received(EVENT), looked_at(EVENT)
    message = decided("key", revision=1, event=EVENT)
    call = sent(message, fence=1)
    assert [first.parent, look.parent, message.parent, call.parent] == [
        None,
        first.span,
        look.span,
        message.span,
    ]
    assert {one.trace for one in (first, look, message, call)} == {first.trace}
    assert len({one.span for one in (first, look, message, call)}) == 4


def test_the_ids_are_those_of_the_facts_for_good() -> None:
    assert received(EVENT).traceparent == "00-ec66abb870b81386587c018f8db7206c-5a3de17418891896-01"


def test_another_event_call_revision_or_message_is_another_place() -> None:
    other = Event("payments", "evt_2")
    assert received(other).trace != received(EVENT).trace
    message = decided("key", revision=1, event=EVENT)
    others = [
        decided("other", revision=1, event=EVENT),
        decided("key", revision=2, event=EVENT),
    ]
    assert message.span not in {one.span for one in others}
    assert sent(message, fence=1).span != sent(message, fence=2).span


def test_what_no_event_led_to_begins_a_trace_of_its_own() -> None:
    alone = decided("key", revision=1, event=None)
    assert alone.parent is None
    assert alone.trace != decided("other", revision=1, event=None).trace


def test_no_two_facts_run_together() -> None:
    assert received(Event("a", "bc")).trace != received(Event("ab", "c")).trace
