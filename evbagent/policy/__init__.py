"""What others act on: the policy document; pure."""
