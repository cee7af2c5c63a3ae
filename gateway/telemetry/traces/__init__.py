"""Traces of OpenTelemetry."""
