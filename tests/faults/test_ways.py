"""The same cuts where a proxy or TLS is on the way: nothing is lost, nothing comes twice.

What the layers below say of a broken connection differs there, and said "never connected" of
messages that had arrived.
"""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import Any, Callable, Iterator

import pytest
import requests
from proxy import FaultProxy, Harm, Tunnel, gateway_page
from rawserver import certified
from sampling import ALL_CUTS
from sweep import Tally, impatient, of_the_answer, outcome, swept

from hugchat_sync import Client

Told = Callable[[str], None]
Connect = Callable[..., Client]


@contextmanager
def directly(today: str, folder: Path) -> Iterator[tuple[FaultProxy, Connect]]:
    context, bundle = certified(folder)
    with FaultProxy(today, tls=context) as proxy:
        yield proxy, lambda **options: impatient(proxy.url, session=trusting(bundle), **options)


@contextmanager
def through_a_proxy(today: str, folder: Path) -> Iterator[tuple[FaultProxy, Connect]]:
    with FaultProxy(today, forward=True) as proxy:
        session = requests.Session()
        session.proxies = {"http": proxy.url}
        yield proxy, lambda **options: impatient(today, session=session, **options)


@contextmanager
def through_a_tunnel(today: str, folder: Path) -> Iterator[tuple[FaultProxy, Connect]]:
    context, bundle = certified(folder)
    with FaultProxy(today, tls=context) as proxy, Tunnel() as tunnel:
        session = trusting(bundle)
        session.proxies = {"https": tunnel.url}
        yield proxy, lambda **options: impatient(proxy.url, session=session, **options)
        assert tunnel.connected


def trusting(bundle: str) -> requests.Session:
    session = requests.Session()
    session.verify = bundle
    return session


WAYS = {"TLS": directly, "a proxy": through_a_proxy, "TLS through a proxy": through_a_tunnel}


@pytest.fixture(params=sorted(WAYS))
def way(
    request: pytest.FixtureRequest, today: str, tmp_path: Path
) -> Iterator[tuple[str, FaultProxy, Connect]]:
    with WAYS[request.param](today, tmp_path) as (proxy, connect):
        yield request.param, proxy, connect


@pytest.fixture
def sizes(way: tuple[str, FaultProxy, Connect]) -> tuple[int, int]:
    """How many bytes an answer and a request have."""
    _, proxy, connect = way
    with connect(cookies={"hf-chat": "sizes"}) as client:
        outcome(client.chat("hi", client.create_conversation(system_prompt="")))
        return len(proxy.latest), proxy.asked


def every(size: int, step: int) -> range:
    return range(0, size + 1, 7 if ALL_CUTS else step)


def harm(way: str, at: int, **where: int) -> tuple[Harm]:
    """Return a cut: orderly, by reset, or in the middle of a record, in turn."""
    return (Harm(reset=at % 3 == 1, garbage=at % 3 == 2 and way != "a proxy", **where),)


def no_difference(tally: Tally, tries: list[Any]) -> None:
    assert not tally.examples, (str(tally), tally.examples[:3])
    assert tally.harms == len(tries) > 0


def test_one_cut_of_the_answer(
    way: tuple[str, FaultProxy, Connect], today: str, sizes: tuple[int, int], told: Told
) -> None:
    name, proxy, connect = way
    tries = [harm(name, at, reply_cut=at) for at in every(sizes[0], 193)]
    tally = swept(proxy, today, tries, of_the_answer, connect)
    told(f"one cut of the answer, {name}: {tally}")
    no_difference(tally, tries)
    assert proxy.harmed == len(tries)


def test_one_cut_of_the_request(
    way: tuple[str, FaultProxy, Connect], today: str, sizes: tuple[int, int], told: Told
) -> None:
    name, proxy, connect = way
    tries = [harm(name, at, request_cut=at) for at in every(sizes[1], 127)]
    tally = swept(proxy, today, tries, of_the_answer, connect)
    told(f"one cut of the request, {name}: {tally}")
    no_difference(tally, tries)
    assert proxy.harmed == len(tries)


def test_pages_of_a_gateway(way: tuple[str, FaultProxy, Connect], today: str, told: Told) -> None:
    name, proxy, connect = way
    tries = [
        (Harm(reply=gateway_page(status), passed_on=passed_on),)
        for status in (408, 502, 503, 504, 520, 521, 522, 523, 524)
        for passed_on in (True, False)
    ]
    tally = swept(proxy, today, tries, of_the_answer, connect)
    told(f"pages of a gateway, {name}: {tally}")
    no_difference(tally, tries)
