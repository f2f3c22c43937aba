"""One network trained on the full budget outside of a study, and scored: ``archfront train`` and ``evaluate``.

Torch and the data set are all that it needs: no Ray, no store, no tracking.
"""
