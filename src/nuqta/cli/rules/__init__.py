"""The nouns of what a store has decided: its program, cashback rules and redemption methods."""
