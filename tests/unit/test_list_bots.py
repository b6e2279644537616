"""The wiki's model constants and prompt classes."""

from __future__ import annotations

import warnings

import pytest

from hugchat_sync import HugChatDeprecationWarning, ListBots
from hugchat_sync.core import ListBots as OldListBots
from hugchat_sync.list_bots import RETIRED


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("META_70B_HF", "meta-llama/Llama-2-70b-chat-hf"),
        ("CODELLAMA_34B_HF", "codellama/CodeLlama-34b-Instruct-hf"),
        ("FALCON_180B", "tiiuae/falcon-180B-chat"),
        ("OPENASSISTENT_30B_XOR", "OpenAssistant/oasst-sft-6-llama-30b-xor"),
    ],
)
def test_constant_of_the_wiki(name, value):
    assert getattr(ListBots, name) == value
    assert value in RETIRED


def test_old_path_has_the_same_class():
    assert OldListBots is ListBots


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("Prompt", "System: be nice\nUser: hi"),
        ("PromptFalcon", "System: be nice\nUser: hi\nFalcon:"),
        ("PromptLlama", "<<SYS>>\nbe nice\n<</SYS>>\n\nhi"),
    ],
)
def test_prompt_class_warns_and_gives_its_text(kind, text):
    prompt = getattr(ListBots, kind)("be nice", "hi")

    with pytest.warns(HugChatDeprecationWarning, match=kind):
        assert prompt.toText() == text


def test_naming_a_constant_warns_of_nothing():
    with warnings.catch_warnings():
        warnings.simplefilter("error")

        assert ListBots.FALCON_180B


def test_available_models_are_asked_of_the_client():
    class Offering:
        @staticmethod
        def models():
            from hugchat_sync.records import Model

            return [Model("omni", "Omni"), Model("a/b", "B")]

    assert ListBots.available(Offering()) == ["omni", "a/b"]
