"""Old path of the addresses and of :class:`hugchat_sync.records.RequestData`."""

from ..records import RequestData

BASE_HOST = "https://huggingface.co"
BASE_URL = f"{BASE_HOST}/chat"
BASE_CONVERSATION = f"{BASE_URL}/conversation"
__all__ = ["BASE_CONVERSATION", "BASE_HOST", "BASE_URL", "RequestData"]
