"""Many prompts: over threads, or over anybody's executor, which may have other machines."""

from .map import Map, PromptArgument

__all__ = ["Map", "PromptArgument"]
