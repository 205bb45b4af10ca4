"""Which signing keys follow from the ones that were told: statements of succession and compromise (docs/format.md).

A part of the shipped verifier: nothing of KYC Ledger but other parts may be imported here.
"""

from __future__ import annotations

import hashlib
from datetime import datetime, timezone

from cryptography.x509 import load_pem_x509_certificate

from replay.verifier_base import (
    Json,
    Refused,
    check_signature,
    log_key,
    need,
    note_parts,
    number,
    parse_json,
    unbase64,
)
from replay.verifier_seals import check_timestamp, trusted_ca

ROLES = {"log": "", "receipt": "/receipts", "export": "/exports"}
SPKI = bytes.fromhex("302a300506032b6570032100")
SUCCESSION = ["succession", "from", "size", "old", "new"]
COMPROMISE = ["compromised", "from", "key", "by"]


def fingerprint(vkey: str) -> str:
    """The SHA-256 of a key as SubjectPublicKeyInfo, which is how export keys are told."""
    return hashlib.sha256(SPKI + log_key(vkey)[2]).hexdigest()


def microseconds(at: datetime) -> int:
    """Since 1970-01-01T00:00:00Z."""
    return int((at - datetime(1970, 1, 1, tzinfo=timezone.utc)).total_seconds()) * 1_000_000  # noqa: UP017 - 3.10


def key_names(said: Json) -> set[str]:
    """The keys (vkeys) that a statement names."""
    return {said[name] for name in ("old", "new", "key", "by") if name in said}


class KeyHistory:
    """Statements about signing keys, each checked under the keys that must have signed it."""

    def __init__(self, lines: list[tuple[str, bytes]], authorities: list[str]) -> None:
        self._authorities = authorities
        self.statements = [self._statement(place, raw) for place, raw in lines if raw]
        self.statements = [said for at, said in enumerate(self.statements) if said not in self.statements[:at]]

    def _statement(self, place: str, raw: bytes) -> Json:
        entry = parse_json(raw, place)
        need(set(entry) == {"statement", "timestamps"}, place, "not a statement about a key")
        note = entry["statement"].encode()
        text, signatures = note_parts(note, place)
        title, origin, *rest = text[:-1].split("\n")
        said: Json = dict(line.partition(" ")[::2] for line in rest)
        need(title == "kyc-ledger/key/v1" and list(said) in [SUCCESSION, COMPROMISE], place, "of an unknown form")
        role = str(said.get("succession") or said.get("compromised"))
        need(role in ROLES, place, "of an unknown role")
        signers = [said["old"], said["new"]] if "new" in said else [said["by"]]
        for vkey in {*signers, said.get("key", signers[0])}:
            name, key_id, public = log_key(vkey)
            need(name == origin + ROLES[role], place, "a key of another name")
            blobs = [blob for signer, blob in signatures if (signer, blob[:4]) == (name, key_id)]
            need(vkey not in signers or len(blobs) == 1, place, "a key that must sign did not")
            for blob in blobs:
                check_signature(public, blob[4:], text.encode(), place)
        for name in {"from", "size"} & set(said):
            need(said[name] == str(int(said[name])), place, "not a whole number")
            said[name] = number(int(said[name]), place)
        return {**said, "origin": origin, "role": role, "stamped": self._stamped(entry["timestamps"], note, place)}

    def _stamped(self, timestamps: list[Json], note: bytes, place: str) -> int | None:
        """Since when an authority that was told by its fingerprint shows the statement to exist."""
        found = []
        for one in timestamps:
            authority = one["authority"].encode()
            if trusted_ca(authority, [], place)[1] in self._authorities:
                token = unbase64(one["token"], place)
                at = check_timestamp(token, note, load_pem_x509_certificate(authority), place)
                found.append(microseconds(at))
        return min(found, default=None)

    def reach(self, told: list[str], role: str) -> dict[str, Json]:
        """The keys (vkeys) that the told ones lead to, each with its period; a key handed over twice is refused."""
        said = [one for one in self.statements if one["role"] == role and "new" in one]
        found: dict[str, Json] = {}
        waiting = list(told)
        while waiting:
            key = waiting.pop()
            if key in found:
                continue
            into, out = [one for one in said if one["new"] == key], [one for one in said if one["old"] == key]
            limit = self._compromised(key, role)
            found[key] = {
                "after": max((one["size"] for one in into), default=-1),
                "through": min((one["size"] for one in out), default=2**63),
                "until": min((one["from"] for one in out), default=2**63),
                "compromised": limit,
            }
            for other, kept in (("new", out), ("old", into)):
                good = [one for one in kept if limit is None or (one["stamped"] or 2**63) < limit]
                statements = {(one["old"], one["new"], one["size"], one["from"]) for one in good}
                need(len(statements) < 2, key, "the key was handed over twice: ask the bank which is its own")
                waiting += {one[other] for one in good}
        return found

    def _compromised(self, key: str, role: str) -> int | None:
        below: set[str] = set()
        waiting = [key]
        while waiting:
            at = waiting.pop()
            fresh = {one["new"] for one in self.statements if one.get("old") == at} - below
            below |= fresh
            waiting += fresh
        declared = [one for one in self.statements if one.get("key") == key and one["role"] == role]
        return min((one["from"] for one in declared if one["by"] in below), default=None)


def check_period(key: str, period: Json, size: int | None, created: int, stamped: int | None, place: str) -> str:
    """Refuse what a key signed outside its time; says what is not shown, if anything.

    ``size`` is that of the checkpoint it signed, None for other things; ``created`` what the signer says of the
    time, ``stamped`` what an authority says, both in microseconds.
    """
    if size is not None:
        need(period["after"] < size <= period["through"], place, "the key signed outside its period")
    else:
        need(created <= period["until"], place, "the key signed after it was handed over")
    limit = period["compromised"]
    if limit is None:
        return ""
    if stamped is None or stamped >= limit:
        raise Refused(f"{place}: its key is declared compromised, and nothing shows that this is older")
    return f"key {key} was declared compromised later; a timestamp shows that this is older"
