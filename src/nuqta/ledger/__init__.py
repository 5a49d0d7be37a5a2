"""The books, pure: accounts, lots, holds and transfers; no I/O, no clock, no luck."""
