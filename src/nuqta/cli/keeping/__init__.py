"""Commands for copies of the books: making, listing and restoring them."""
