"""Fitting a network: its settings, batches, checkpoints and initial weights."""
