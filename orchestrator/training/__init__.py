"""How one network is trained: a function that knows torch and nothing of Ray."""
