"""The rules, pure: programs, earning, orders and customers become commands for the books."""
