"""Commands that keep the books safe: copies and seals."""
