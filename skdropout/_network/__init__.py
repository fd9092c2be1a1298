"""The network: its operations, the pass through it, predictions."""
