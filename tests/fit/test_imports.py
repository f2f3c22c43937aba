"""One training needs torch and a data set: a machine without Ray, Optuna and MLflow is good enough."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

SERVICES = ("ray", "mlflow", "optuna", "pyarrow")


def test_training_and_scoring_import_no_service() -> None:
    program = (
        "import sys, orchestrator.cli.app, orchestrator.fit.run, orchestrator.fit.scoring\n"
        f"print(sorted(set(sys.modules) & set({SERVICES!r})))"
    )
    root = str(Path(__file__).parents[2])
    done = subprocess.run([sys.executable, "-c", program], cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
