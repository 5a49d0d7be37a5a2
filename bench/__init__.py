"""Measurements: what a request and a commit cost, as ratios in one run."""
