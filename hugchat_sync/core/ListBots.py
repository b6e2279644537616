"""Old path of :class:`hugchat_sync.ListBots`."""

from ..list_bots import ListBots, Prompt, PromptFalcon, PromptLlama

META_70B_HF = ListBots.META_70B_HF
CODELLAMA_34B_HF = ListBots.CODELLAMA_34B_HF
FALCON_180B = ListBots.FALCON_180B
OPENASSISTENT_30B_XOR = ListBots.OPENASSISTENT_30B_XOR
__all__ = ["ListBots", "Prompt", "PromptFalcon", "PromptLlama"]
