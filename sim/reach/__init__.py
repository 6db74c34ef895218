"""Reach: a 7-DoF arm brings its fingertips to a ball on a stick."""
