"""Finds the knees: densities, legs, joints and their boxes."""
