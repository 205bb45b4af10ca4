"""A timestamp authority (RFC 3161) made with openssl, which answers requests as one on the web would."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest

_CONFIG = """
[req]
distinguished_name = dn
prompt = no
[dn]
CN = Test timestamp authority
[tsa_ca]
basicConstraints = critical, CA:true
keyUsage = critical, keyCertSign
[tsa_own]
basicConstraints = critical, CA:false
keyUsage = critical, digitalSignature
extendedKeyUsage = critical, timeStamping
[tsa]
default_tsa = tsa_config
[tsa_config]
serial = {folder}/serial
crypto_device = builtin
signer_cert = {folder}/own.pem
signer_key = {folder}/own.key
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256, sha512
accuracy = secs:1
ess_cert_id_chain = no
ess_cert_id_alg = sha256
[tsa_strong]
serial = {folder}/serial
crypto_device = builtin
signer_cert = {folder}/own.pem
signer_key = {folder}/own.key
signer_digest = sha512
default_policy = 1.2.3.4.1
digests = sha512
accuracy = secs:1
ess_cert_id_chain = no
ess_cert_id_alg = sha256
"""
_SHA512 = bytes.fromhex("0609608648016503040203")


@dataclass(frozen=True)
class TimestampAuthority:
    """An authority in a folder: ``ca.pem``, and a signer that answers."""

    folder: Path

    @property
    def ca_pem(self) -> bytes:
        """The authority's CA."""
        return (self.folder / "ca.pem").read_bytes()

    def __call__(self, request: bytes) -> bytes:
        """The answer to a request."""
        (self.folder / "request").write_bytes(request)
        section = "tsa_strong" if _SHA512 in request else "tsa_config"  # signs as strongly as it was asked
        command = f"openssl ts -reply -config openssl.cnf -section {section} -queryfile request -out answer"
        subprocess.run(command.split(), cwd=self.folder, check=True, capture_output=True)
        return (self.folder / "answer").read_bytes()


@pytest.fixture(scope="session")
def tsa(tmp_path_factory: pytest.TempPathFactory) -> TimestampAuthority:
    """A new authority."""
    folder = tmp_path_factory.mktemp("tsa")
    (folder / "openssl.cnf").write_text(_CONFIG.format(folder=folder))
    (folder / "serial").write_text("01\n")
    steps = (
        "req -x509 -extensions tsa_ca -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem -days 3650 -subj /CN=CA",
        "req -newkey rsa:2048 -nodes -keyout own.key -out csr -subj /CN=TSA",
        "x509 -req -in csr -CA ca.pem -CAkey ca.key -CAcreateserial -out own.pem -days 3650 -extensions tsa_own",
    )
    for command in steps:
        options = ["-config" if command.startswith("req") else "-extfile", "openssl.cnf"]
        subprocess.run(["openssl", *command.split(), *options], cwd=folder, check=True, capture_output=True)
    return TimestampAuthority(folder)


@pytest.fixture
def tsa_url(tsa: TimestampAuthority) -> Iterator[str]:
    """The address of the authority on this machine."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            assert self.headers["Content-Type"] == "application/timestamp-query"
            answer = tsa(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()
