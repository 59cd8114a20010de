"""What happens while things are broken, seen from outside."""
