"""MLflow shows a study; it is told in the background, and the study never waits for it."""
