"""Measures the joint space: the margins of the bones and the distance between them."""
