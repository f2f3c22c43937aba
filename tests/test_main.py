"""How a command ends that is interrupted before it has begun."""

from __future__ import annotations

import sys

import pytest

from orchestrator.__main__ import INTERRUPTED, RESUMABLE, main
from orchestrator.runtime.supervisor import SUPERVISED


class _Interrupted:
    """Ctrl-C while the command line's modules are being imported."""

    def find_spec(self, name: str, *_: object) -> None:
        if name == "orchestrator.cli.app":
            raise KeyboardInterrupt


@pytest.mark.parametrize(("supervisor", "code"), [(None, INTERRUPTED), ("1", RESUMABLE)])
def test_an_interrupted_import_is_no_traceback(
    monkeypatch: pytest.MonkeyPatch, supervisor: str | None, code: int
) -> None:
    monkeypatch.setattr(sys, "meta_path", [_Interrupted(), *sys.meta_path])
    monkeypatch.delitem(sys.modules, "orchestrator.cli.app", raising=False)
    monkeypatch.setattr(sys, "argv", ["archfront", "search" if supervisor else "status", "runs/digits"])
    if supervisor:
        monkeypatch.setenv(SUPERVISED, supervisor)
    with pytest.raises(SystemExit) as done:
        main()
    assert done.value.code == code
