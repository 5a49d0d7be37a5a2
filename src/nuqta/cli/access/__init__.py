"""The nouns of who may come in: people who sign in, and the key under which tokens are kept."""
