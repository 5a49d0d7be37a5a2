"""What the HTTP faces share: guard, envelopes, negotiation, limits, bodies, delivery."""
