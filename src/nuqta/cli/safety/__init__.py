"""Commands that keep the books safe, each noun in a file of its own."""
