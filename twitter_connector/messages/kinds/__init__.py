"""One module per kind of message: what its CIM body means at Twitter. See docs/adding-a-kind.md."""
