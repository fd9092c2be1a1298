"""Arrays, formulas and checks, none of which knows a network."""
