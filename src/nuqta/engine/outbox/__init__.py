"""What leaves the house: events in the order in which they can be read, and who is told of them."""
