"""The connection ends after byte N, for every N: nobody can tell from what the caller gets."""

from __future__ import annotations

import random
from typing import Callable

import pytest
from proxy import FaultProxy, Harm, gateway_page, nonsense
from sampling import ALL_CUTS
from sweep import Tally, impatient, of_the_answer, outcome, swept

_SEED = 20261125
_MULTIPLE = 500 if ALL_CUTS else 50
Told = Callable[[str], None]


def every(size: int, step: int) -> range:
    return range(0, size + 1, 1 if ALL_CUTS else step)


@pytest.fixture(scope="module")
def sizes(today: str) -> tuple[int, int, int]:
    """How many bytes an answer, the log of its run and a request have."""
    with FaultProxy(today) as proxy, impatient(proxy.url) as client:
        message = client.chat("hi", client.create_conversation(system_prompt=""))
        outcome(message)
        answer = len(proxy.latest)
        proxy.harm("POST", message.conversation_id, Harm(reply_cut=400))
        outcome(client.chat("hi", message.conversation_id))
        return answer, len(proxy.latest), proxy.asked


def no_difference(tally: Tally) -> None:
    assert not tally.examples, (str(tally), tally.examples[:3])
    assert tally.tries


def test_one_cut_anywhere_in_the_answer(
    proxy: FaultProxy, today: str, sizes: tuple[int, int, int], told: Told
) -> None:
    tries = [(Harm(reply_cut=at, reset=at % 2 == 1),) for at in every(sizes[0], 47)]
    tally = swept(proxy, today, tries, of_the_answer)
    told(f"one cut of the answer: {tally}")
    no_difference(tally)
    assert proxy.harmed == len(tries)


def test_two_or_three_cuts(
    proxy: FaultProxy, today: str, sizes: tuple[int, int, int], told: Told
) -> None:
    chance = random.Random(_SEED)
    tries = [
        tuple(
            Harm(
                reply_cut=chance.randrange(sizes[1] if later else sizes[0]),
                reset=chance.random() < 0.5,
            )
            for later in range(chance.choice((2, 3)))
        )
        for _ in range(_MULTIPLE)
    ]
    tally = swept(proxy, today, tries, of_the_answer)
    told(f"cuts of the answer and of its log: {tally}")
    no_difference(tally)


def test_cut_before_inside_and_after_the_request(
    proxy: FaultProxy, today: str, sizes: tuple[int, int, int], told: Told
) -> None:
    tries = [(Harm(request_cut=at, reset=at % 2 == 1),) for at in every(sizes[2], 61)]
    tally = swept(proxy, today, tries, of_the_answer)
    told(f"one cut of the request: {tally}")
    no_difference(tally)
    assert proxy.harmed == len(tries)


def test_gateway_in_trouble_before_and_after_the_request(
    proxy: FaultProxy, today: str, told: Told
) -> None:
    tries = [
        (Harm(reply=gateway_page(status), passed_on=passed_on),)
        for status in (502, 503, 504)
        for passed_on in (True, False)
    ]
    tally = swept(proxy, today, tries, of_the_answer)
    told(f"pages of a gateway: {tally}")
    no_difference(tally)


def test_nonsense_anywhere_in_the_answer(
    proxy: FaultProxy, today: str, sizes: tuple[int, int, int], told: Told
) -> None:
    tries = [(Harm(spoil=nonsense(at)),) for at in every(sizes[0] - 4096, 31)]
    tally = swept(proxy, today, tries, of_the_answer)
    told(f"a byte of nonsense in the answer: {tally}")
    no_difference(tally)


def test_nonsense_anywhere_in_the_log(
    proxy: FaultProxy, today: str, sizes: tuple[int, int, int], told: Told
) -> None:
    tries = [(Harm(reply_cut=300 + at), Harm(spoil=nonsense(at))) for at in every(sizes[1], 61)]
    tally = swept(proxy, today, tries, of_the_answer)
    told(f"a byte of nonsense in the log: {tally}")
    no_difference(tally)
