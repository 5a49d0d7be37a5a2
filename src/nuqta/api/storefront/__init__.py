"""What a shop's own pages call: the loyalty part of a cart, and a session that browsers keep."""
