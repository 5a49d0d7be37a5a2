"""The nouns about orders: what was told of them, and why they moved which points."""
