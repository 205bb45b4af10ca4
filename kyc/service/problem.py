"""Errors as the client sees them: RFC 9457 problem documents made from :mod:`kyc.errors` by one table.

A problem says field, rule and remedy, never a value of a record and never where in the program it arose.
"""

from __future__ import annotations

import re
from typing import Final

from kyc import errors
from kyc.domain.answer import Problem
from kyc.errors import InputError, KycError

MEDIA_TYPE: Final = "application/problem+json"
_TYPE: Final = "urn:kyc-ledger:problem:"
_WORDS = re.compile(r"(?<!^)(?=[A-Z])")


class TooLargeError(InputError):
    """The request is larger than is taken."""


class MediaTypeError(InputError):
    """The body is not of a kind that is read here."""


class SlowError(InputError):
    """The request did not arrive in time."""


class NoRouteError(errors.NotFoundError):
    """There is nothing at this path."""


class MethodError(errors.RefusedError):
    """This path does not answer to that method."""


class CrowdedError(errors.KycError):
    """This caller has too many requests unanswered."""

    fault = "caller"


STATUS: Final[dict[type[Exception], int]] = {
    TooLargeError: 413,
    MediaTypeError: 415,
    SlowError: 408,
    NoRouteError: 404,
    MethodError: 405,
    CrowdedError: 429,
    InputError: 400,
    errors.ConflictError: 409,
    errors.RefusedError: 422,
    errors.UnauthenticatedError: 401,
    errors.AccessDeniedError: 403,
    errors.NotFoundError: 404,
    errors.NotSealedError: 503,
    errors.DisposedError: 410,
    errors.BusyError: 503,
    errors.StoreUnavailableError: 503,
    errors.CollisionError: 503,
    errors.LeaseLostError: 503,
    errors.KycError: 500,
}
"""The status of an error: that of the nearest class above it. Everything else is 500."""


def status_of(error: BaseException) -> int:
    """The HTTP status of an error."""
    for kind in type(error).__mro__:
        if kind in STATUS:
            return STATUS[kind]
    return 500


def problem_of(error: BaseException, request: str = "") -> Problem:
    """The document of an error. What is no error of ours is not described."""
    if not isinstance(error, KycError):
        return Problem(
            type=_TYPE + "fault", title="A fault of ours.", status=500, request=request,
            remedy="name the request to whoever runs the service",
        )  # fmt: skip
    kind = type(error)
    title = (kind.__doc__ or "").strip().splitlines()[0]
    return Problem(
        type=_TYPE + _WORDS.sub("-", kind.__name__.removesuffix("Error")).lower(),
        title=title,
        status=status_of(error),
        detail=error.message if error.message != title else "",
        field=error.field or "",
        rule=error.rule or "",
        remedy=error.remedy or "",
        request=request,
    )
