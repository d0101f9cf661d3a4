"""Readers of other systems' data, in the units that our own commands take."""
