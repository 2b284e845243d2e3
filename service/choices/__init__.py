"""Two-way choice: each side answers and ranks by a deadline; live at a forum, on phones and a wall."""
