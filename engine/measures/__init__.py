"""What labs measure: distances, scores, attributions."""
