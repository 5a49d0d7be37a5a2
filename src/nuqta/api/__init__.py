"""The JSON face: the contract's endpoints, and the application they make together."""
