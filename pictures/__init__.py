"""The pictures of labs on the home page and of a run in the README, drawn anew: `make pictures`."""
