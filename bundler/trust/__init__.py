"""Keys and signatures: who vouches for a dist. What that proves, and what it cannot, is said in docs/trust.md."""
