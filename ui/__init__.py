"""Everything that imports Streamlit and is not a page."""
