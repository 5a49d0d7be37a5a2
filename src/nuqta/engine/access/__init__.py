"""Who may call: partners and their tokens, customers and their sessions."""
