"""What a lab promises, and what it may rely on."""

VERSION = 2  # grows when a lab that keeps the contract might not keep it any more
