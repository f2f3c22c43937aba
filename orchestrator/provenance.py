"""Where a study was run: versions, processor, code. No framework is imported to find out."""

from __future__ import annotations

import os
import platform
import re
import subprocess
from collections import Counter
from importlib import metadata
from pathlib import Path

PACKAGES = ("archfront", "ray", "optuna", "mlflow", "torch", "torchvision", "numpy")


def collect() -> dict[str, str]:
    """Name and value of everything that may explain a figure later."""
    versions = {name: version for name in PACKAGES if (version := _version(name))}
    found = {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "processor": processor(),
        "num_cpus": str(os.cpu_count()),
        "gpus": _gpus(),
        "commit": _commit(),
    }
    return {name: value for name, value in (found | versions).items() if value}


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return ""


def processor() -> str:
    """The model of this machine's processor, where it has a name."""
    info = Path("/proc/cpuinfo")
    if not info.exists():
        return platform.processor()
    names = (line.split(":", 1)[1].strip() for line in info.read_text().splitlines() if line.startswith("model name"))
    return next(names, platform.machine())


def _gpus() -> str:
    """How many of which kind, as NVIDIA's driver tells; empty where there is none."""
    models: Counter[str] = Counter()
    for path in Path("/proc/driver/nvidia/gpus").glob("*/information"):
        models.update(re.findall(r"^Model:\s*(.+)$", path.read_text(), re.MULTILINE))
    return ", ".join(f"{count} x {model}" for model, count in sorted(models.items()))


def _commit() -> str:
    """The commit of the checkout that runs; empty where it is installed otherwise, be it inside another's checkout."""
    here = Path(__file__)
    is_ours = bool(_git(here.parent, "ls-files", here.name))
    return _git(here.parent, "rev-parse", "--short=12", "HEAD") if is_ours else ""


def _git(folder: Path, *arguments: str) -> str:
    """What git prints; empty where it does not know the folder, or is not there."""
    try:
        done = subprocess.run(["git", "-C", str(folder), *arguments], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return ""
    return done.stdout.strip()
