"""What agreements commit their parties to and what became of it: tranches, deliveries, spending, breaches."""
