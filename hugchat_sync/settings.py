"""Changing settings: read, changed, written whole, because a write resets what it leaves out."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any, Mapping

from .errors import UsageError
from .records import Settings


def changed(settings: Settings, changes: Mapping[str, Any]) -> Settings:
    """Return *settings* with *changes* by their snake_case names.

    :raises UsageError: a name is unknown.
    """
    check_names(changes)
    return replace(settings, **changes)


def check_names(changes: Mapping[str, Any]) -> None:
    """Refuse names that no server has.

    :raises UsageError: a name is unknown.
    """
    known = {field.name for field in fields(Settings)} - {"extra"}
    unknown = sorted(set(changes) - known)
    if unknown:
        raise UsageError(f"unknown settings: {', '.join(unknown)}; known are {sorted(known)}")


def with_prompts(settings: Settings, prompts: Mapping[str, str]) -> Settings:
    """Return *settings* with these system prompts, one a model; ``""`` removes one."""
    kept = {model: text for model, text in settings.custom_prompts.items() if model not in prompts}
    kept.update({model: text for model, text in prompts.items() if text})
    enabled = settings.custom_prompts_enabled
    if enabled is not None:
        enabled = {**enabled, **{model: True for model, text in prompts.items() if text}}
    return replace(settings, custom_prompts=kept, custom_prompts_enabled=enabled)


def check_prompts(prompts: Mapping[str, str]) -> None:
    """Refuse prompts that are not text.

    :raises UsageError: *prompts* is not a mapping of model names to texts.
    """
    if not isinstance(prompts, Mapping):
        raise UsageError("prompts is a dict: {model: system prompt}")
    for model, text in prompts.items():
        if not isinstance(model, str) or not model or not isinstance(text, str):
            raise UsageError('a system prompt is a text for a model name; "" removes it')
