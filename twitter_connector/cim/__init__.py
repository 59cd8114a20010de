"""The only room that speaks to CIM: CCM and the file engine."""
