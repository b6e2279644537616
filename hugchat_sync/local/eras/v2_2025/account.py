"""Settings, user, models and what else belongs to no conversation.

Source: chat-ui c100c162, measured 2026-08 (a01 to a28, j01 to j12, p21 to p23).
"""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, request

from hugchat_sync.local.eras.v2_2025.bodies import json_body
from hugchat_sync.local.eras.v2_2025.identity import identity
from hugchat_sync.local.eras.v2_2025.model_shapes import detail_v2, item_v1, item_v2
from hugchat_sync.local.eras.v2_2025.preferences import checked, shown
from hugchat_sync.local.eras.v2_2025.superjson import superjson
from hugchat_sync.local.models import find_model, served_models
from hugchat_sync.local.replies import (
    ApiError,
    empty_reply,
    json_reply,
    page_reply,
    text_reply,
)
from hugchat_sync.local.routing import add_routes
from hugchat_sync.local.site import Site
from hugchat_sync.local.tool_servers import tool_listing, tool_servers

_CACHED = "private, max-age=60"


class Account:
    """The routes that tell about the server and the session."""

    def __init__(self, site: Site) -> None:
        self._site = site

    def add_to(self, routes: Blueprint) -> None:
        """Register the routes."""
        add_routes(
            routes,
            (
                ("GET", "", self.without_slash),
                ("GET", "/", self.home),
                ("GET", "/healthcheck", self.healthcheck),
                ("GET", "/__data.json", self.empty_data),
                ("GET", "/conversation/<conversation_id>/__data.json", self.empty_data),
                ("GET", "/r/<conversation_id>/__data.json", self.empty_data),
                ("GET", "/login", self.login),
                ("GET", "/settings", self.home),
                ("POST", "/settings", self.store_settings),
                ("GET", "/api/v2/user/settings", self.settings),
                ("POST", "/api/v2/user/settings", self.store_settings),
                ("GET", "/api/v2/user", self.user_v2),
                ("GET", "/api/user", self.user_v1),
                ("GET", "/api/v2/user/reports", self.nothing),
                ("GET", "/api/v2/user/billing-orgs", self.billing),
                ("GET", "/api/v2/export", self.export),
                ("GET", "/api/models", self.models_v1),
                ("GET", "/api/v2/models", self.models_v2),
                ("GET", "/api/v2/models/old", self.nothing),
                ("GET", "/api/v2/models/<path:model_id>", self.model),
                ("POST", "/api/v2/models/<path:model_id>/subscribe", self.subscribe),
                ("GET", "/api/v2/feature-flags", self.feature_flags),
                ("GET", "/api/v2/public-config", self.public_config),
                ("GET", "/api/mcp/servers", self.mcp_servers),
                ("POST", "/api/transcribe", self.transcribe),
                ("POST", "/api/mcp/health", self.mcp_health),
            ),
        )

    def without_slash(self) -> Response:
        """Lead to the start page."""
        return empty_reply(308, {"Location": f"{self._site.base_path}/"})

    def home(self) -> Response:
        """Show a page."""
        return page_reply("HuggingChat", "A local server; it has no web page of its own.")

    def healthcheck(self) -> Response:
        """Say that the server lives."""
        return text_reply("OK", 200, "text/plain;charset=UTF-8")

    def empty_data(self, conversation_id: str = "") -> Response:
        """Return page data, which hold nothing any more."""
        first: object = None
        if request.args.get("x-sveltekit-invalidated", "1").startswith("0"):
            first = {"type": "skip"}
        reply = json_reply({"type": "data", "nodes": [first, None]}, chunked=False)
        reply.set_data(reply.get_data() + b"\n")
        reply.headers["Cache-Control"] = "private, no-store"
        return reply

    def login(self) -> Response:
        """Refuse: there is no identity provider here."""
        raise ApiError(500)  # as the real one does when login is off (a27)

    def settings(self) -> Response:
        """Return the settings with all their defaults."""
        return json_reply(superjson(shown(self._site, identity().owner)))

    def store_settings(self) -> Response:
        """Replace the settings by what was sent."""
        values = checked(json_body(), self._site.store.settings.get(identity().owner))
        self._site.store.settings.put(identity().owner, values)
        return empty_reply()

    def subscribe(self, model_id: str) -> Response:
        """Make a model the active one."""
        if find_model(self._site.era, model_id) is None:
            raise ApiError(404, "Model not found")
        stored = self._site.store.settings.get(identity().owner)
        self._site.store.settings.put(identity().owner, {**stored, "activeModel": model_id})
        return empty_reply()

    def _user(self) -> dict[str, Any] | None:
        if not identity().signed_in:
            return None
        return {
            "id": identity().owner[:24],
            "username": "local",
            "avatarUrl": "",
            "email": "local@localhost",
        }

    def user_v2(self) -> Response:
        """Return the user or ``null``."""
        user = self._user()
        if user is not None:
            user.update(isAdmin=False, isEarlyAccess=False)
        return json_reply(superjson(user))

    def user_v1(self) -> Response:
        """Return the user or 401."""
        user = self._user()
        if user is None:
            return json_reply({"message": "Must be signed in"}, 401)
        return json_reply({**user, "name": "Local", "hfUserId": user["id"]})

    def nothing(self) -> Response:
        """Return an empty list."""
        return json_reply(superjson([]))

    def billing(self) -> Response:
        """Refuse: nobody pays here."""
        raise ApiError(401, "Login required")

    def export(self) -> Response:
        """Refuse: export is for administrators."""
        if not identity().signed_in:
            raise ApiError(401, "Not logged in")
        raise ApiError(403, "Not admin")

    def models_v1(self) -> Response:
        """Return the models as plain JSON."""
        return json_reply([item_v1(model) for model in served_models(self._site.era)])

    def models_v2(self) -> Response:
        """Return the models as superjson."""
        reply = json_reply(superjson([item_v2(m) for m in served_models(self._site.era)]))
        reply.headers["Cache-Control"] = _CACHED
        return reply

    def model(self, model_id: str) -> Response:
        """Return one model."""
        found = find_model(self._site.era, model_id)
        if found is None:
            raise ApiError(404, "Model not found")
        return json_reply(superjson(detail_v2(found)))

    def feature_flags(self) -> Response:
        """Return what is switched on."""
        flags = {
            "enableAssistants": False,
            "loginEnabled": self._site.token is not None,
            "isAdmin": False,
            "transcriptionEnabled": False,
        }
        return json_reply(superjson(flags))

    def public_config(self) -> Response:
        """Return the public part of the configuration."""
        config = {
            "PUBLIC_APP_ASSETS": "chatui",
            "PUBLIC_APP_DESCRIPTION": "Local server of hugchat_sync",
            "PUBLIC_APP_NAME": "HuggingChat",
            "PUBLIC_LLM_ROUTER_ALIAS_ID": "omni",
            "PUBLIC_LLM_ROUTER_DISPLAY_NAME": "Omni",
            "PUBLIC_ORIGIN": request.host_url.rstrip("/"),
            "PUBLIC_VERSION": "0.20.0",
        }
        reply = json_reply(superjson(config))
        reply.headers["Cache-Control"] = _CACHED
        return reply

    def transcribe(self) -> Response:
        """Refuse: nobody listens here, as the feature flags say."""
        raise ApiError(503, "Transcription is not configured")

    def mcp_servers(self) -> Response:
        """Return the tool servers of this site."""
        return json_reply(tool_servers(f"{request.host_url.rstrip('/')}{self._site.base_path}"))

    def mcp_health(self) -> Response:
        """Say whether a tool server answers; only the site's own ones can be asked."""
        url = json_body().get("url")
        servers = tool_servers(f"{request.host_url.rstrip('/')}{self._site.base_path}")
        if not isinstance(url, str) or "://" not in url:
            return json_reply({"ready": False, "error": "Invalid URL"}, 400)
        if url not in [server["url"] for server in servers]:
            failure = {"ready": False, "error": "Connection failed", "authRequired": False}
            return json_reply(failure, 503)
        return json_reply({"ready": True, "tools": tool_listing(), "authRequired": False})
