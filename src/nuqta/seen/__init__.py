"""What a process counts and tells of itself: meters, log lines, spans. It knows nobody above it."""
