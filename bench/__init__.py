"""Measurements: of the gateway alone, beside its rivals, and stage by stage."""
