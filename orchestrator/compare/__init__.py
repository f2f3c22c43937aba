"""Studies side by side: whose front is where, what one found and another did not, and what each has cost."""

from orchestrator.compare.comparison import Comparison, Standing, compare, read_entry

__all__ = ["Comparison", "Standing", "compare", "read_entry"]
