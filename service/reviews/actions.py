"""Writing reviews."""
