"""What a lab promises, and what it may rely on."""
