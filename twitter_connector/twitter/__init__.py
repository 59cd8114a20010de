"""The only package that calls X."""
