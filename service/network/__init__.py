"""The graph of cooperations on screen: sectors that never meet, who holds it together, whom to introduce."""
