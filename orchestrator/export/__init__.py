"""The deliverable: a folder with one trained network that proves itself before it is there.

``trial.export_trial`` writes that of a study and ``network.export_network`` any other, ``loading.load_model`` reads
it, ``verify.verify_folder`` tries it anywhere, ``standalone`` is its ``load.py``.
"""
