"""Networks, optimisers and losses that labs share."""
