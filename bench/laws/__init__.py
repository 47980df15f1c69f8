"""Probability laws of latents, each with its draws by reparameterisation and its density."""
