"""What a study would do, before it is paid for: its space, its layout, its time, its disk. Trains nothing."""

from orchestrator.planning.calibration import calibrate
from orchestrator.planning.estimate import Disk, Duration, check_memory, disk, duration
from orchestrator.planning.layout import layout_of
from orchestrator.planning.networks import Networks, Spread, networks_of
from orchestrator.planning.seconds import Calibration

__all__ = [
    "Calibration",
    "Disk",
    "Duration",
    "Networks",
    "Spread",
    "calibrate",
    "check_memory",
    "disk",
    "duration",
    "layout_of",
    "networks_of",
]
