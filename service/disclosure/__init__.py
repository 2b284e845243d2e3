"""What is public of every cooperation: pages, register, open data. No tables: it shows what others keep."""
