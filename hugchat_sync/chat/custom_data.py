"""The wiki's ``custom_data``: what of it the connected server can take."""

from __future__ import annotations

from typing import Any, Mapping

from ..dialects import Dialect
from ..errors import UsageError, warn_of_change
from ..records import RequestData


def custom_fields(data: RequestData | Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the fields of *data* that were set.

    :raises UsageError: it is neither a :class:`RequestData` nor a dict of its fields.
    """
    if data is None:
        return {}
    if isinstance(data, Mapping):
        unknown = sorted(set(data) - set(RequestData().__dict__))
        if unknown:
            raise UsageError(f"custom_data has no field {', '.join(map(repr, unknown))}")
        data = RequestData(**data)
    if not isinstance(data, RequestData):
        raise UsageError("custom_data is a RequestData, or a dict of its fields")
    return data.given()


def warn_of_ignored(dialect: Dialect, custom: Mapping[str, Any]) -> None:
    """Say which fields this era cannot take, instead of dropping them silently."""
    ignored = dialect.ignored(custom)
    if ignored:
        warn_of_change(
            f"a {dialect.name} server does not take {', '.join(ignored)} of custom_data; "
            "the message is sent without"
        )
