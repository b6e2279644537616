"""The servers that the tests of the sign-in run against."""

from __future__ import annotations

import pytest
from small_hub import Both, Chat, Hub, Served


@pytest.fixture(scope="session")
def first_place():
    place = Served()
    with place:
        yield place


@pytest.fixture(scope="session")
def second_place():
    place = Served()
    with place:
        yield place


@pytest.fixture
def hub(first_place):
    hub = first_place.app = Hub()
    hub.origin = first_place.origin
    return hub


@pytest.fixture
def chat(hub, second_place):
    """A chat server of today at another port than its hub, its sessions coupled with ``token``."""
    chat = second_place.app = Chat(hub)
    chat.origin = second_place.origin
    return chat


@pytest.fixture
def one_place(first_place):
    """A chat server and its hub at one origin."""
    chat = Chat(Hub())
    chat.origin = chat.hub.origin = first_place.origin
    first_place.app = Both(chat.hub, chat)
    return chat
