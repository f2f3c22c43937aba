"""The deliverable of a study: a folder with one trained network that proves itself before it is there.

``trial.export_trial`` writes it, ``loading.load_model`` reads it, ``loading.verify_export`` checks it.
"""
