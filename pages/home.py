"""The gallery: one card a lab, with its picture and its question.  Nothing is trained here."""

import html

import streamlit as st

from ui import session, shell, theme
from ui.plain import plain

session.attend(None)
MODE = "dark" if theme.dark() else "light"

with st.container(key="home"):
    st.title("Deep-learning playground", anchor=False)
    st.html(
        '<p class="lede">Turn a knob and watch a network learn. Every page asks one question and answers it with a '
        "real training run that you can stop, step through, rewind and change.</p>"
    )
    with st.container(key="gallery"):
        for card in shell.labs():
            with st.container(key=f"card_{card.slug}"):
                if picture := shell.picture(card, MODE):
                    st.html(f'<img class="picture" src="{picture}" alt="{html.escape(card.title)}">')
                st.page_link(shell.page(card), label=card.title, icon=f":material/{card.icon}:")
                st.html(f'<p class="question">{html.escape(card.question)}</p>')
    for error in shell.missing():
        st.caption(f"One lab is missing. {plain(error)}")
    st.html(
        '<div class="steps">'
        "<div><h3>Predict</h3><p>Choose a lesson and commit to an answer before anything moves. "
        "A wrong guess is the best place to start.</p></div>"
        "<div><h3>Run</h3><p>Press Play. Every number on the screen comes from the run itself, and the timeline takes "
        "you back to any moment of it.</p></div>"
        "<div><h3>Share</h3><p>The address bar holds every setting. Send the link and others see the same run, to the "
        "last digit.</p></div></div>"
    )
