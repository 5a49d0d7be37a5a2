"""What a server says of itself to those who watch it: whether it is alive and ready; figures."""
