"""How much memory a process held."""

from __future__ import annotations

from pathlib import Path


def peak() -> int:
    """Bytes that this process held at most; ``ru_maxrss`` would begin with what its parent held."""
    status = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return 1_024 * next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))
