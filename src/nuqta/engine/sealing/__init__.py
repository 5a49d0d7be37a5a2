"""Evidence of tampering: the books chained by hash, and signed heads that are also kept outside."""
