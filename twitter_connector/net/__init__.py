"""HTTP as this service needs it: total deadlines, ceilings, guarded addresses. Knows neither X nor CIM."""
