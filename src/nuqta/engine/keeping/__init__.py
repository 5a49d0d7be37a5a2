"""What is kept and for how long: copies of the books, and what is known of a person."""
