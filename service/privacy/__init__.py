"""What is kept of people: their choices, all of it to take along, and erasure. No tables of its own."""
