"""CCM and the agent's desk behind it, as the connector sees them."""
