"""The model names of the wiki's time, and the prompt classes that went with them."""

from __future__ import annotations

from typing import Protocol, Sequence

from .errors import warn_of_change
from .records import Model
from .values import Value, with_fields


class Offering(Protocol):
    """Whoever can tell which models there are: a client."""

    def models(self) -> Sequence[Model]: ...  # noqa: D102


@with_fields(frozen=False)
class Prompt(Value):
    """A system prompt and a question in one text, for servers without system prompts."""

    system: str = ""
    user: str = ""

    def toText(self) -> str:
        """Return both as one text to send."""
        warn_of_change(f"{type(self).__name__}: servers take system prompts by themselves now")
        return self._wrap()

    def _wrap(self) -> str:
        return f"System: {self.system}\nUser: {self.user}"


class PromptFalcon(Prompt):
    """The same in the words that Falcon models were trained on."""

    def _wrap(self) -> str:
        return f"System: {self.system}\nUser: {self.user}\nFalcon:"


class PromptLlama(Prompt):
    """The same in the words that Llama 2 models were trained on."""

    def _wrap(self) -> str:
        return f"<<SYS>>\n{self.system}\n<</SYS>>\n\n{self.user}"


class ListBots:
    """Model names. The constants are of 2023 and retired; :meth:`available` has today's."""

    META_70B_HF = "meta-llama/Llama-2-70b-chat-hf"
    CODELLAMA_34B_HF = "codellama/CodeLlama-34b-Instruct-hf"
    FALCON_180B = "tiiuae/falcon-180B-chat"
    OPENASSISTENT_30B_XOR = "OpenAssistant/oasst-sft-6-llama-30b-xor"

    Prompt = Prompt
    PromptFalcon = PromptFalcon
    PromptLlama = PromptLlama

    @staticmethod
    def available(client: Offering) -> list[str]:
        """Return the names of the models that the server of *client* offers, the default first."""
        return [model.id for model in client.models()]


RETIRED = (
    ListBots.META_70B_HF,
    ListBots.CODELLAMA_34B_HF,
    ListBots.FALCON_180B,
    ListBots.OPENASSISTENT_30B_XOR,
)


def warn_of_retired(model: str) -> None:
    """Say that an old script's model is gone, and what is taken instead."""
    warn_of_change(f"the server no longer offers {model}; its default model is used instead")
