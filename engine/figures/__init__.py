"""Charts of numbers that stand still, as specifications without a page: see `engine.contract.figure`."""
