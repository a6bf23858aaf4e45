from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anytime_server.controller.fairness import FairQueue, Shares, Ticket, VirtualTime


def queue_of(capacity, **weights):
    return FairQueue(Shares(capacity, weights), VirtualTime(weights))


def admitted(queue):
    tickets = []
    while (next_one := queue.next()) is not None:
        tickets.append(next_one[0])
    return tickets


def test_a_client_that_comes_late_goes_before_the_backlog_of_another():
    queue = queue_of(1)
    for _ in range(50):
        queue.enter(Ticket("many", 1, 100))
    (running,) = admitted(queue)
    queue.enter(Ticket("one", 1, 100))
    queue.done(running, 100)
    assert [ticket.client for ticket in admitted(queue)] == ["one"]


def test_a_client_can_not_take_all_slots_and_another_begins_at_once():
    queue = queue_of(8)
    for _ in range(50):
        queue.enter(Ticket("many", 1, 100))
    assert len(admitted(queue)) == 7
    queue.enter(Ticket("one", 1, 100))
    assert [ticket.client for ticket in admitted(queue)] == ["one"]


def test_idle_clients_have_saved_up_nothing():
    queue = queue_of(1)
    for _ in range(20):
        queue.enter(Ticket("busy", 1, 100))
        for ticket in admitted(queue):
            queue.done(ticket, 100)
    for client in ("idle", "busy") * 4:
        queue.enter(Ticket(client, 1, 100))
    order = []
    while (came := queue.next()) is not None:
        order.append(came[0].client)
        queue.done(came[0], 100)
    assert order[0] == "idle"
    for turn in range(1, 9):
        assert abs(order[:turn].count("idle") - order[:turn].count("busy")) <= 2


def test_what_is_served_is_charged_and_not_what_might_have_been():
    queue = queue_of(1)
    for _ in range(3):
        queue.enter(Ticket("short", 1, 1000))
        queue.enter(Ticket("long", 1, 1000))
    order = []
    while (came := queue.next()) is not None:
        order.append(came[0].client)
        queue.done(came[0], 10 if came[0].client == "short" else 1000)
    assert order == ["short", "long", "short", "short", "long", "long"]


def test_who_leaves_the_queue_is_not_let_in():
    queue = queue_of(1)
    gone, stays = Ticket("a", 1, 5), Ticket("a", 1, 5)
    queue.enter(gone)
    queue.enter(stays)
    queue.leave(gone)
    assert admitted(queue) == [stays]
    assert len(queue) == 0


def test_more_slots_than_a_client_can_have_are_not_waited_for():
    queue = queue_of(8)
    queue.enter(Ticket("a", 64, 5))
    (ticket,) = admitted(queue)
    assert ticket.slots == 7
    queue.done(ticket, 5)
    assert queue.shares.taken == 0


def test_what_goes_on_is_let_in_though_all_slots_are_taken():
    queue = queue_of(5)
    for _ in range(9):
        queue.enter(Ticket("a", 1, 5))
    begun = admitted(queue)
    queue.admit(Ticket("a", 1, 5))
    queue.done(begun[0], 5)
    assert admitted(queue) == []
    queue.done(begun[1], 5)
    assert len(admitted(queue)) == 1


@given(
    weights=st.fixed_dictionaries({"a": st.sampled_from([1, 2, 5]), "b": st.sampled_from([1, 3])}),
    costs=st.fixed_dictionaries({"a": st.integers(1, 50), "b": st.integers(1, 50)}),
)
def test_clients_that_wait_are_served_by_weight(weights, costs):
    queue = queue_of(1, **weights)
    for client in "ab":
        for _ in range(100):
            queue.enter(Ticket(client, 1, costs[client]))
    served, most = Counter(), sum(costs[client] / weights[client] for client in "ab")
    while all(client in queue.waiting for client in "ab"):
        ticket, _ = queue.next()
        served[ticket.client] += ticket.cost
        queue.done(ticket, ticket.cost)
        # The law of start-time fair queueing.
        assert abs(served["a"] / weights["a"] - served["b"] / weights["b"]) <= most


def test_slots_are_held_by_weight():
    queue = queue_of(16, a=3, b=1)
    for client in "ab":
        for _ in range(100):
            queue.enter(Ticket(client, 1, 10))
    running = admitted(queue)
    for _ in range(80):
        queue.done(running.pop(0), 10)
        running += admitted(queue)
    assert Counter(ticket.client for ticket in running) == {"a": 12, "b": 4}


@given(
    st.integers(1, 9),
    st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(["come", "end"])), max_size=60),
)
def test_slots_are_neither_lost_nor_given_twice(capacity, steps):
    shares, held = Shares(capacity, {"a": 3.0}), Counter()
    for client, step in steps:
        if step == "come" and shares.may_take(client):
            shares.take(client)
            held[client] += 1
        elif step == "end" and held[client]:
            shares.give_back(client)
            held[client] -= 1
        assert shares.taken == held.total() <= capacity
    # Whoever holds nothing is never kept out by one client alone.
    alone = Shares(capacity)
    while alone.may_take("a"):
        alone.take("a")
    assert capacity == 1 or alone.may_take("b")


def test_weights_must_be_above_zero():
    with pytest.raises(ValueError, match="above 0"):
        VirtualTime({"a": 0.0})
