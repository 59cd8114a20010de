"""JSON to model and back. Tolerant towards Twitter and CIM, strict towards operators."""
