"""The import paths of the old package; everything lives one level up."""

from ..bot import HuggingChat
from . import Exceptions
from .Bot import Bot
from .ListBots import ListBots
from .Message import Message
from .Sign import Sign

__all__ = ["Bot", "Exceptions", "HuggingChat", "ListBots", "Message", "Sign"]
