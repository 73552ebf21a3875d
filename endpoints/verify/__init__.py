"""What was meant, what runs, and where they differ: pure comparison of a cloud assembly with an account."""
