"""Writing choices."""
