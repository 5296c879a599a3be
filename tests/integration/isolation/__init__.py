"""The bounded children, as real processes."""
