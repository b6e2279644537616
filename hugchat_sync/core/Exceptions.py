"""Old path of the errors."""

from ..errors import *
from ..errors import ConversationNotExistError, HugChatError

__all__ = ["ConversationNotExistError", "HugChatError"]
