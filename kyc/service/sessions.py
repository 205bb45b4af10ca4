"""Sessions of people at a browser: a cookie that stands for a bearer token, until the token ends or they leave.

The cookie is a random name and nothing else; what it stands for lies in a file below the home folder, named by the
digest of the cookie: all processes of a machine know it, a restart keeps it, leaving ends it everywhere, and who
reads the files cannot use them. A request by cookie that could change something also says the session's CSRF token
in a header, which no other site can make a browser send (OWASP: Session Management, CSRF Prevention).
"""

from __future__ import annotations

import hmac
from hashlib import sha256
from pathlib import Path
from secrets import token_urlsafe
from typing import Final

import msgspec

from kyc import files
from kyc.access.ask import Actor
from kyc.clock import Clock
from kyc.errors import BusyError, UnauthenticatedError

COOKIE: Final = "__Host-kyc-session"
"""The prefix makes browsers take it over TLS only, for this very host and all of its paths (RFC 6265bis)."""
CSRF: Final = b"kyc-csrf"
SAFE: Final = frozenset({"GET", "HEAD"})
"""Methods by which nothing is changed."""
_FOLDER: Final = "service-sessions"
_BYTES: Final = 32
_LENGTH: Final = 43
"""Characters of that many bytes in base64url."""
_KEPT_MAX: Final = 10_000
_SECOND: Final = 1_000_000


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """What a cookie stands for."""

    actor: Actor
    csrf: str
    until: int
    """Microseconds: when the token ends."""


_decoder = msgspec.json.Decoder(Session)


class Sessions:
    """The sessions of one home folder."""

    def __init__(self, home: Path, clock: Clock) -> None:
        self._folder = home / _FOLDER
        self._clock = clock

    def begin(self, actor: Actor, until: int) -> tuple[str, Session]:
        """A session for whoever showed a token that holds until then, and its cookie's value.

        Raises:
            BusyError: too many are kept.
        """
        self._sweep()
        if self._folder.exists() and sum(1 for _ in self._folder.iterdir()) >= _KEPT_MAX:
            raise BusyError(rule=f"at most {_KEPT_MAX} sessions", remedy="leave sessions that are not needed")
        cookie = token_urlsafe(_BYTES)
        session = Session(actor=actor, csrf=token_urlsafe(_BYTES), until=until)
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        files.write(self._path(cookie), msgspec.json.encode(session), folder_mode=0o700)
        return cookie, session

    def find(self, cookie: str, method: str, csrf: str) -> Session:
        """The session of a cookie, for a request by some method that said this CSRF token.

        Raises:
            UnauthenticatedError: there is none, it has ended, or the token that must go with it is missing.
        """
        try:
            session = _decoder.decode(self._path(cookie).read_bytes()) if len(cookie) == _LENGTH else None
        except (OSError, ValueError, msgspec.MsgspecError):
            session = None
        if session is None or self._clock.now_us() >= session.until:
            raise UnauthenticatedError("the session has ended", field="cookie", remedy="begin a new one")
        if method not in SAFE and not hmac.compare_digest(session.csrf.encode(), csrf.encode()):
            raise UnauthenticatedError(
                "a session alone changes nothing", field="kyc-csrf", rule="the token of the session",
                remedy="send it as a header",
            )  # fmt: skip
        return session

    def end(self, cookie: str) -> None:
        """Nobody is let in by this cookie any more, by no process."""
        self._path(cookie).unlink(missing_ok=True)

    def _path(self, cookie: str) -> Path:
        return self._folder / sha256(cookie.encode("latin-1", "replace")).hexdigest()

    def _sweep(self) -> None:
        now = self._clock.now_us()
        for path in self._folder.iterdir() if self._folder.exists() else ():
            try:
                over = _decoder.decode(path.read_bytes()).until <= now
            except (OSError, msgspec.MsgspecError):
                continue  # being written, or gone
            if over:
                path.unlink(missing_ok=True)


def seconds_left(session: Session, clock: Clock) -> int:
    """How long a browser keeps the cookie."""
    return max(0, (session.until - clock.now_us()) // _SECOND)
