"""Registering routes."""

from __future__ import annotations

from typing import Callable, Iterable, Tuple

from flask import Blueprint, Response

Route = Tuple[str, str, Callable[..., Response]]


def add_routes(routes: Blueprint, table: Iterable[Route]) -> None:
    """Register views by method and path; OPTIONS is refused as on the real server."""
    for method, rule, view in table:
        if not rule and not routes.url_prefix:
            # Without a base path there is no address without its slash.
            continue
        routes.add_url_rule(
            rule,
            endpoint=f"{method} {rule}".replace(".", "_"),
            view_func=view,
            methods=[method],
            provide_automatic_options=False,
        )
