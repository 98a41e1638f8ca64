"""Measuring a release or a network: figures with intervals, robustness, occlusion, calibration."""
