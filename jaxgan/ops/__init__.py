"""Numerical primitives without parameters."""
