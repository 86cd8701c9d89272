"""The way of a picture from the worker that makes it to everybody who watches, past Streamlit."""
