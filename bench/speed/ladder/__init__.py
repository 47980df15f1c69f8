"""The price of a training step of a continuous flow, rung by rung, from FFJORD as published to flow matching."""
