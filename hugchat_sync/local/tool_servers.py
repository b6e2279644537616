"""The tool servers that the site offers."""

from __future__ import annotations

from typing import Any, Sequence


def search_server_name() -> str:
    """Return the name under which the search of the documents can be selected."""
    return "Web Search (documents)"


def search_tool_name() -> str:
    """Return the name of the one tool of that server."""
    return "web_search"


def tool_servers(base_url: str) -> list[dict[str, Any]]:
    """Return the list as ``GET /api/mcp/servers`` tells it.

    Source: chat-ui c100c162, measured 2026-08 (a13).
    """
    name = search_server_name()
    return [
        {
            "id": f"base-{name}",
            "name": name,
            "url": f"{base_url}/mcp/documents",
            "type": "base",
            "isLocked": False,
        }
    ]


def tool_listing() -> Sequence[dict[str, Any]]:
    """Return the tools of that server.

    Source: chat-ui c100c162, measured 2026-08 (a28).
    """
    return [
        {
            "name": search_tool_name(),
            "description": "Searches the documents of this server",
            "inputSchema": {
                "type": "object",
                "properties": {"query": {"type": "string"}},
                "required": ["query"],
            },
        }
    ]
