"""Which servers of the past and the present this one can be."""

from __future__ import annotations

from flask import Flask

from hugchat_sync.local.eras import lines_2023, v2_2025
from hugchat_sync.local.site import Site


def era_names() -> tuple[str, ...]:
    """Return the names of the eras, the present one first."""
    return ("v2-2025", "lines-2023")


def install(app: Flask, site: Site) -> None:
    """Give the application the routes of the site's era.

    :raises ValueError: no such era.
    """
    if site.era == "v2-2025":
        v2_2025.install(app, site)
    elif site.era == "lines-2023":
        lines_2023.install(app, site)
    else:
        raise ValueError(f"unknown era {site.era!r}: choose one of {', '.join(era_names())}")
