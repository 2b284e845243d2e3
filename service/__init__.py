"""Qiao's service: the command line today, one web application on the same library."""
