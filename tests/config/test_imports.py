from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import sys
from orchestrator import studies
from orchestrator.config import identity, loading, schema
assert "pydantic" not in sys.modules, "--help would wait for pydantic"
from orchestrator.data.catalog import inspect
from orchestrator.errors import ConfigError

shipped = {"digits": studies.read("digits")}
loaded = loading.load("digits", inspect=inspect, shipped=shipped)
identity.config_hash(identity.frozen_settings(loaded.config))
schema.json_schema()
for override in ("recipe.epochs=0", "constraints.num_parameters=<= 10", "space.densenet.num_blocks=6"):
    try:
        loading.load("digits", [override], inspect=inspect, shipped=shipped)
    except ConfigError:
        continue
    raise AssertionError(override)
frameworks = {"torch", "torchvision", "ray", "optuna", "mlflow", "pyarrow", "numpy", "sklearn", "pandas", "scipy"}
print(sorted(frameworks & sys.modules.keys()))
"""


def test_reading_and_refusing_study_files_imports_no_framework() -> None:
    result = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=False, timeout=60)
    assert (result.stdout, result.stderr) == ("[]\n", "")
