"""The service as a process of its own over a log, and the tokens of those who may call it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from callers import Server
from joserfc import jwt
from joserfc.jwk import ECKey

from kyc.clock import SystemClock

Token = Callable[[str, str, str], str]
"""A token for an id at a branch in a role."""


@contextmanager
def serving(dsn: str, home: Path, folder: Path) -> Iterator[tuple[Server, Token]]:
    """``kyc serve`` over the database and the keys of a home folder."""
    key = ECKey.import_key(ECKey.generate_key("P-256").as_dict(private=True) | {"kid": "bench"})
    keys, identity = folder / "jwks.json", folder / "identity.toml"
    keys.write_text(json.dumps({"keys": [key.as_dict(private=False)]}))
    identity.write_text(f'[[issuer]]\nissuer = "bench"\naudience = "kyc"\nkeys = "{keys}"\n')

    def token(actor: str, branch: str, role: str) -> str:
        now = SystemClock().now_us() // 1_000_000
        claims = {"iss": "bench", "aud": "kyc", "sub": actor, "branch": branch, "roles": [role]}
        return jwt.encode({"alg": "ES256", "kid": "bench"}, claims | {"iat": now, "exp": now + 3_600}, key)

    command = [sys.executable, "-m", "kyc", "--home", str(home), "--database", dsn, "--json", "serve"]
    service = subprocess.Popen([*command, "--port", "0", "--identity", str(identity)], stdout=subprocess.PIPE)
    assert service.stdout is not None
    url = urlsplit(json.loads(service.stdout.readline())["url"])
    try:
        yield Server(str(url.hostname), int(url.port or 0)), token
    finally:
        service.terminate()
        service.wait()
        service.stdout.close()
