"""Push: a round pusher brings a square or a T to where, and for the T also how, a picture shows it lying."""
