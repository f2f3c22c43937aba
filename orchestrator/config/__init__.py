"""The study file, and the settings that it becomes."""
