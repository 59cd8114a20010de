"""One module for each kind of message, with both directions in it. See docs/adding-a-kind.md."""
