"""Fitting a network: its settings, batches, checkpoints and what it starts from."""
