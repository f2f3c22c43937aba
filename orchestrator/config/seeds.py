"""Every seed of a study, derived from its one seed."""

from __future__ import annotations

import hashlib


def derive_seed(study_seed: int, purpose: str, number: int = 0) -> int:
    """A 32-bit seed that depends on the study's seed, what it is for, and a number such as the trial's."""
    digest = hashlib.sha256(f"{study_seed}:{purpose}:{number}".encode()).digest()
    return int.from_bytes(digest[:4], "big")
