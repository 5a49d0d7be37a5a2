"""What the books tell: balances, the reasons behind each transfer, and whether it all adds up."""
