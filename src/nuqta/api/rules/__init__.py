"""The rules of a program, as managers set them and shoppers see them."""
