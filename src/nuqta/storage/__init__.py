"""Where the books are kept: named SQL, and the engine that runs it."""
