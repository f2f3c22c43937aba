"""Studies in Python: ``orchestrator.search`` and ``orchestrator.open_study``, in a program or a notebook."""
