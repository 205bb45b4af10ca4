"""What a payment is for, as ISO 20022 messages tell it: remittance, purpose, regulatory reporting, instructions."""

from __future__ import annotations

from kyc.ingest.readers.elements import code, texts
from kyc.ingest.readers.markup import Node

__all__ = ["instructions", "purpose", "regulatory", "remittance", "service"]


def remittance(part: Node) -> str:
    """All of it: unstructured lines, then each structured one as ``Element: value``."""
    lines = [node.text for node in part.all("RmtInf/Ustrd") if node.text]
    for node in part.all("RmtInf/Strd"):
        reference = node.get("CdtrRefInf/Ref", "CdtrRefInf/CdtrRef")
        lines += [reference] if reference else []
        lines += [pair for pair in _pairs(node) if pair != f"CdtrRefInf/Ref: {reference}"]
    return "\n".join(lines)


def purpose(part: Node) -> str:
    """The purpose code, or what the sender calls it."""
    return code(part, "Purp")


def service(part: Node) -> str:
    """Service level, local instrument and category purpose."""
    found = [
        code(part, f"PmtTpInf/{name}", name) for name in ("InstrPrty", "SvcLvl", "LclInstrm", "CtgyPurp")
    ]  # fmt: skip
    return " ".join(filter(None, found))


def regulatory(part: Node) -> str:
    """Regulatory reporting, one line each."""
    return "\n".join(", ".join(_pairs(node)) for node in part.all("RgltryRptg"))


def instructions(part: Node) -> str:
    """Instructions for the agents on the way, one line each."""
    nodes = [*part.all("InstrForCdtrAgt"), *part.all("InstrForNxtAgt"), *part.all("InstrForDbtrAgt")]
    return "\n".join(" ".join(texts(node)) for node in nodes)


def _pairs(node: Node, path: str = "") -> list[str]:
    """Every text below an element with its path, and the currency where it is an amount."""
    if not node.children:
        currency = node.attributes.get("Ccy", "")
        return [f"{path}: {node.text} {currency}".rstrip()] if node.text else []
    return [pair for child in node.children for pair in _pairs(child, f"{path}/{child.tag}" if path else child.tag)]
