"""What is wrong with the service and its surroundings, and what to do about it: one `Finding` for each part."""
