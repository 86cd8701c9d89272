"""What visitors bring: points, tables, pictures, texts, networks."""
