"""The only package that calls CIM: CCM and the file engine."""
