"""The assistants, which today's servers no longer have."""

from __future__ import annotations

from ...values import Value


class Assistant(Value, frozen=False):
    """A model with a name and a system prompt, as users used to publish them."""

    assistant_id: str
    author: str
    name: str
    model_name: str
    pre_prompt: str
    description: str
