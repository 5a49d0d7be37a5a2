"""The nouns of what a store has decided: its program, its cashback rules, its redemption methods."""
