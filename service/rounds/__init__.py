"""Rounds: a theme, rules from a preset, phases with a clock; who applies, what is checked, who is shown."""
