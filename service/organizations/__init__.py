"""Organizations: who people act for, what proves that they exist, and whether they may act now."""
