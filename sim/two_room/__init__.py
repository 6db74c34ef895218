"""Two rooms and a door: a ball goes to where a picture shows it, which is often behind the wall."""
